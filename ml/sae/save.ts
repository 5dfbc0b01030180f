import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../models/safetensors.ts';
import type { HookSite } from '../models/types.ts';
import type { DictionaryConfig, DictionaryWeights } from './dictionary.ts';
import { CONFIG_FILE, WEIGHTS_FILE } from './load.ts';
import type { InferenceWeights } from './types.ts';

/**
 * The weights of a dictionary for activations as the model has them, from weights trained on activations times `scale`.
 * Directions keep their norms; biases and thresholds shrink: relu, top-k and jumprelu commute with a positive factor, so
 * f(scale x) = scale f'(x) with b' = b / scale.
 */
export function unscaled(
  weights: InferenceWeights,
  width: number,
  features: number,
  scale: number,
): DictionaryWeights {
  const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D, threshold_F } = weights;
  const W_enc = new Float32Array(features * width);
  for (let f = 0; f < features; f++) {
    for (let d = 0; d < width; d++) W_enc[d * features + f] = encoder_FD[f * width + d]!;
  }
  return {
    W_enc,
    W_dec: decoder_FD,
    b_enc: encoderBias_F.map((bias) => bias / scale),
    b_dec: decoderBias_D.map((bias) => bias / scale),
    ...(threshold_F && { threshold: threshold_F.map((threshold) => threshold / scale) }),
  };
}

/** Writes a `sae` artifact: see `loadDictionary`. SAELens 6 opens the directory with `SAE.load_from_disk`. */
export function saveDictionary(
  directory: string,
  config: DictionaryConfig,
  weights: DictionaryWeights,
): void {
  const { width: D, features: F } = config;
  mkdirSync(directory, { recursive: true });
  const tensor = (data: Float32Array, shape: number[]) => ({ dtype: 'F32' as const, shape, data });
  writeSafetensors(join(directory, WEIGHTS_FILE), {
    W_enc: tensor(weights.W_enc, [D, F]),
    W_dec: tensor(weights.W_dec, [F, D]),
    b_enc: tensor(weights.b_enc, [F]),
    b_dec: tensor(weights.b_dec, [D]),
    ...(weights.threshold && { threshold: tensor(weights.threshold, [F]) }),
  });
  writeFileSync(join(directory, CONFIG_FILE), `${JSON.stringify(saeLensConfig(config), null, 2)}\n`);
}

/** The fields that SAELens 6 reads; it passes over those that it does not know, such as ours. */
function saeLensConfig(config: DictionaryConfig): Record<string, unknown> {
  const { activation } = config;
  return {
    architecture: ARCHITECTURES[activation.type],
    ...(activation.type === 'topk' ? { k: activation.k, rescale_acts_by_decoder_norm: false } : {}),
    d_in: config.width,
    d_sae: config.features,
    dtype: 'float32',
    device: 'cpu',
    apply_b_dec_to_input: config.subtractsDecoderBias,
    normalize_activations: 'none',
    reshape_activations: 'none',
    metadata: { hook_layer: config.layer, hook_name: HOOK_NAMES[config.site](config.layer) },
    plumbline: config,
  };
}

const ARCHITECTURES = { relu: 'standard', topk: 'topk', jumprelu: 'jumprelu' } as const;

/** TransformerLens' names of the sites. */
const HOOK_NAMES: Record<HookSite, (layer: number) => string> = {
  mlp_out: (layer) => `blocks.${layer}.hook_mlp_out`,
  attention_out: (layer) => `blocks.${layer}.hook_attn_out`,
  block_out: (layer) => `blocks.${layer}.hook_resid_post`,
};
