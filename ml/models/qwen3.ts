import type { Architecture } from './architecture.ts';
import { configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { describeGatedDecoder, readSizes } from './parts/gated-decoder.ts';
import { refuseFields, refuseSlidingWindows } from './parts/refused-fields.ts';

/** Qwen 3, dense (Yang et al. 2025, arXiv 2505.09388): Llama's block with q and k normalised, head by head. */
export const qwen3: Architecture = {
  modelType: 'qwen3',
  describe(config) {
    refuseFields(config);
    refuseSlidingWindows(config);
    const read = configReader(config);
    const attentionBias = read.boolean('attention_bias', false);
    return describeGatedDecoder({
      ...readSizes(config, { headSize: 128 }),
      activate: activation(read.string('hidden_act', 'silu')),
      tied: read.boolean('tie_word_embeddings', false),
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: false,
      headNorm: true,
      gainOffset: 0,
      embeddingScale: 1,
    });
  },
};
