import type { Architecture } from './architecture.ts';
import { configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { describeGatedDecoder, readSizes } from './parts/gated-decoder.ts';
import { refuseFields, refuseSlidingWindows } from './parts/refused-fields.ts';

/** Qwen 2 and 2.5 (Yang et al. 2024, arXiv 2407.10671): Llama's block with biases on q, k and v. */
export const qwen2: Architecture = {
  modelType: 'qwen2',
  describe(config) {
    refuseFields(config);
    refuseSlidingWindows(config);
    const read = configReader(config);
    return describeGatedDecoder({
      ...readSizes(config),
      activate: activation(read.string('hidden_act', 'silu')),
      tied: read.boolean('tie_word_embeddings', false),
      qkvBias: true,
      outputBias: false,
      mlpBias: false,
      headNorm: false,
      gainOffset: 0,
      embeddingScale: 1,
    });
  },
};
