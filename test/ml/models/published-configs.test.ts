import { expect, test } from 'vitest';
import { architectureOf } from '../../../ml/models/architectures.ts';

const GATED = {
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  attention_dropout: 0,
  rope_theta: 10000,
  use_cache: true,
};

/**
 * What config.json of well-known checkpoints says, as far as it concerns the maths, and how many parameters the model cards
 * and `num_parameters()` count.
 */
const PUBLISHED: [name: string, parameters: number, config: Record<string, unknown>][] = [
  [
    'pythia-70m',
    70_426_624,
    {
      ...{ model_type: 'gpt_neox', hidden_size: 512, num_hidden_layers: 6, num_attention_heads: 8 },
      ...{ intermediate_size: 2048, vocab_size: 50304, max_position_embeddings: 2048, hidden_act: 'gelu' },
      ...{
        rotary_pct: 0.25,
        rotary_emb_base: 10000,
        use_parallel_residual: true,
        tie_word_embeddings: false,
      },
      ...{ layer_norm_eps: 1e-5, torch_dtype: 'float16' },
    },
  ],
  [
    'gpt2',
    124_439_808,
    {
      ...{ model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, n_ctx: 1024 },
      ...{
        vocab_size: 50257,
        activation_function: 'gelu_new',
        layer_norm_epsilon: 1e-5,
        summary_use_proj: true,
      },
      ...{ task_specific_params: { 'text-generation': { do_sample: true } }, attn_pdrop: 0.1 },
    },
  ],
  [
    'gpt-neo-125m',
    125_198_592,
    {
      ...{ model_type: 'gpt_neo', hidden_size: 768, num_layers: 12, num_heads: 12, intermediate_size: null },
      ...{ attention_types: [[['global', 'local'], 6]], window_size: 256, max_position_embeddings: 2048 },
      ...{ vocab_size: 50257, activation_function: 'gelu_new', gradient_checkpointing: false },
    },
  ],
  [
    'gemma-2b',
    2_506_172_416,
    {
      ...{
        model_type: 'gemma',
        hidden_size: 2048,
        num_hidden_layers: 18,
        num_attention_heads: 8,
        head_dim: 256,
      },
      ...{
        num_key_value_heads: 1,
        intermediate_size: 16384,
        vocab_size: 256000,
        max_position_embeddings: 8192,
      },
      ...{
        hidden_act: 'gelu',
        hidden_activation: null,
        rms_norm_eps: 1e-6,
        rope_scaling: null,
        rope_theta: 10000,
      },
      ...{ attention_bias: false, pad_token_id: 0 },
    },
  ],
  [
    'TinyLlama-1.1B',
    1_100_048_384,
    {
      ...{ ...GATED, model_type: 'llama', hidden_size: 2048, num_hidden_layers: 22, num_attention_heads: 32 },
      ...{
        num_key_value_heads: 4,
        intermediate_size: 5632,
        vocab_size: 32000,
        max_position_embeddings: 2048,
      },
      ...{ pretraining_tp: 1, rope_scaling: null, tie_word_embeddings: false },
    },
  ],
  [
    'Llama-3.2-1B',
    1_235_814_400,
    {
      ...{ ...GATED, model_type: 'llama', hidden_size: 2048, num_hidden_layers: 16, num_attention_heads: 32 },
      ...{
        num_key_value_heads: 8,
        head_dim: 64,
        intermediate_size: 8192,
        vocab_size: 128256,
        mlp_bias: false,
      },
      ...{ max_position_embeddings: 131072, rope_theta: 500000, tie_word_embeddings: true },
      rope_scaling: {
        ...{ rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
  ],
  [
    'Qwen2.5-0.5B',
    494_032_768,
    {
      ...{ ...GATED, model_type: 'qwen2', hidden_size: 896, num_hidden_layers: 24, num_attention_heads: 14 },
      ...{
        num_key_value_heads: 2,
        intermediate_size: 4864,
        vocab_size: 151936,
        max_position_embeddings: 32768,
      },
      ...{ sliding_window: 32768, use_sliding_window: false, max_window_layers: 24, use_mrope: false },
      tie_word_embeddings: true,
    },
  ],
  [
    'Qwen3-0.6B',
    596_049_920,
    {
      ...{ ...GATED, model_type: 'qwen3', hidden_size: 1024, num_hidden_layers: 28, num_attention_heads: 16 },
      ...{ num_key_value_heads: 8, head_dim: 128, intermediate_size: 3072, vocab_size: 151936 },
      ...{
        max_position_embeddings: 40960,
        sliding_window: null,
        use_sliding_window: false,
        attention_bias: false,
      },
      ...{ max_window_layers: 28, tie_word_embeddings: true, rope_scaling: null },
    },
  ],
];

test.each(PUBLISHED)('%s has %d parameters', (_name, parameters, config) => {
  const description = architectureOf(config).describe(config);
  const count = description.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1),
    0,
  );
  expect(count).toBe(parameters);
  expect(description.maxPositions).toBe(config.max_position_embeddings ?? config.n_positions);
});
