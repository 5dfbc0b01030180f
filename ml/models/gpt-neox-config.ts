/** The sizes of a new GPT-NeoX. */
export interface GptNeoXShape {
  layers: number;
  width: number;
  heads: number;
  /** Inner width of the MLPs. */
  mlpWidth: number;
  vocabulary: number;
  maxPositions: number;
  /** Share of each head's dimensions that turn with the position. */
  rotaryFraction: number;
  parallelResidual: boolean;
  /** Whether the unembedding is the embedding. */
  tied: boolean;
  bosId: number | null;
  eosId: number | null;
}

/** Its config.json, as `transformers` 5 writes it, with the names that version 4 reads beside them. */
export function gptNeoXConfig(shape: GptNeoXShape): Record<string, unknown> {
  const base = 10000;
  return {
    architectures: ['GPTNeoXForCausalLM'],
    model_type: 'gpt_neox',
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.mlpWidth,
    hidden_act: 'gelu',
    attention_bias: true,
    attention_dropout: 0,
    hidden_dropout: 0,
    layer_norm_eps: 1e-5,
    initializer_range: 0.02,
    max_position_embeddings: shape.maxPositions,
    rope_parameters: { rope_type: 'default', rope_theta: base, partial_rotary_factor: shape.rotaryFraction },
    rotary_pct: shape.rotaryFraction,
    rotary_emb_base: base,
    use_parallel_residual: shape.parallelResidual,
    tie_word_embeddings: shape.tied,
    bos_token_id: shape.bosId,
    eos_token_id: shape.eosId,
    use_cache: true,
  };
}
