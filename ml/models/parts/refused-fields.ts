import { ConfigError } from '../config.ts';

/** Values of a field of config.json that leave the maths as it is here. Absent and null always do. */
type Neutral = readonly unknown[];

/** Fields that change the maths in some model that names itself like ours, whatever the architecture. */
const EVERYWHERE: Record<string, Neutral> = {
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  quantization_config: [],
  compression_config: [],
  add_cross_attention: [false],
  is_encoder_decoder: [false],
  alibi: [false],
  num_experts: [0],
  num_local_experts: [0],
  logit_scale: [1],
  residual_multiplier: [1],
  embedding_multiplier: [1],
  attention_multiplier: [],
  logits_scaling: [1],
  clip_qkv: [],
};

/**
 * Refuses what a config.json asks for and this model does not compute, by the field's name: computing something else
 * without a word would be worse.
 */
export function refuseFields(config: Record<string, unknown>, more: Record<string, Neutral> = {}): void {
  for (const [field, neutral] of Object.entries({ ...EVERYWHERE, ...more })) {
    const value = config[field];
    if (value === undefined || value === null || neutral.includes(value)) continue;
    throw new ConfigError(
      `config.json: "${field}" is ${JSON.stringify(value)}, which changes what the model computes and is not supported for ${config.model_type}`,
      neutral.length > 0
        ? `only ${neutral.map((one) => JSON.stringify(one)).join(' or ')} is`
        : 'only checkpoints without this field are',
    );
  }
}

/** Refuses attention that looks back over a window only. */
export function refuseSlidingWindows(config: Record<string, unknown>): void {
  const types = config.layer_types;
  const windowed = Array.isArray(types) && types.some((type) => type !== 'full_attention');
  const asked = config.use_sliding_window === true && config.sliding_window !== null;
  // use_sliding_window with layer_types that never slide is a plain model.
  if (windowed || (asked && !Array.isArray(types))) {
    throw new ConfigError(
      `config.json: "${windowed ? 'layer_types' : 'use_sliding_window'}" asks for attention over a sliding window, which is not supported for ${config.model_type}`,
      'only checkpoints that look back over all positions are',
    );
  }
}
