import type { Architecture } from './architecture.ts';
import { configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { describeGatedDecoder, readSizes } from './parts/gated-decoder.ts';
import { refuseFields, refuseSlidingWindows } from './parts/refused-fields.ts';

/**
 * Gemma, the first (Gemma Team 2024, arXiv 2403.08295): Llama's block with gains stored less 1, an MLP gated by the tanh
 * GELU, embeddings times sqrt(D), one key head for all queries in the small model, and tied unembedding.
 */
export const gemma: Architecture = {
  modelType: 'gemma',
  describe(config) {
    // hidden_activation: a field of version 4, which went before hidden_act.
    refuseFields(config, {
      use_bidirectional_attention: [false],
      hidden_activation: ['gelu_pytorch_tanh', 'gelu'],
    });
    refuseSlidingWindows(config);
    const read = configReader(config);
    const attentionBias = read.boolean('attention_bias', false);
    const named = read.string('hidden_act', 'gelu_pytorch_tanh');
    const sizes = readSizes(config, { headSize: 256 });
    return describeGatedDecoder({
      ...sizes,
      // Its first releases say "gelu" and mean the approximation, which transformers corrects, too.
      activate: activation(named === 'gelu' ? 'gelu_pytorch_tanh' : named),
      tied: read.boolean('tie_word_embeddings', true),
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: false,
      headNorm: false,
      gainOffset: 1,
      embeddingScale: Math.fround(Math.sqrt(sizes.width)),
    });
  },
};
