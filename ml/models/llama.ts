import type { Architecture } from './architecture.ts';
import { configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { describeGatedDecoder, readSizes } from './parts/gated-decoder.ts';
import { refuseFields, refuseSlidingWindows } from './parts/refused-fields.ts';

/**
 * Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971 and 2307.09288; Grattafiori et al. 2024, arXiv 2407.21783): RMS norms,
 * rotary positions with scaling, grouped keys and values, MLP gated by SiLU, unembedding of its own unless tied.
 */
export const llama: Architecture = {
  modelType: 'llama',
  describe(config) {
    refuseFields(config);
    refuseSlidingWindows(config);
    const read = configReader(config);
    const attentionBias = read.boolean('attention_bias', false);
    return describeGatedDecoder({
      ...readSizes(config),
      activate: activation(read.string('hidden_act', 'silu')),
      tied: read.boolean('tie_word_embeddings', false),
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: read.boolean('mlp_bias', false),
      headNorm: false,
      gainOffset: 0,
      embeddingScale: 1,
    });
  },
};
