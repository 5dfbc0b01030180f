import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../models/safetensors.ts';
import type { DictionaryConfig, DictionaryWeights } from './dictionary.ts';
import { CONFIG_FILE, WEIGHTS_FILE } from './load.ts';
import { saeLensConfig } from './saelens-config.ts';
import type { InferenceWeights } from './types.ts';

/**
 * The weights of a dictionary for activations as the model has them, from weights trained on activations times `scale`.
 * Directions keep their norms; biases and thresholds shrink: relu, top-k and jumprelu commute with a positive factor, so
 * f(scale x) = scale f'(x) with b' = b / scale.
 *
 * @param outputScale of what is reconstructed, where that is something else: encoder and skip then take the ratio
 */
export function unscaled(
  weights: InferenceWeights,
  width: number,
  features: number,
  scale: number,
  outputScale = scale,
): DictionaryWeights {
  const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D, threshold_F, skip_ED } = weights;
  const ratio = scale / outputScale;
  const W_enc = new Float32Array(features * width);
  for (let f = 0; f < features; f++) {
    for (let d = 0; d < width; d++) W_enc[d * features + f] = encoder_FD[f * width + d]! * ratio;
  }
  return {
    W_enc,
    W_dec: decoder_FD,
    b_enc: encoderBias_F.map((bias) => bias / outputScale),
    b_dec: decoderBias_D.map((bias) => bias / outputScale),
    ...(threshold_F && { threshold: threshold_F.map((threshold) => threshold / outputScale) }),
    ...(skip_ED && { W_skip: skip_ED.map((value) => value * ratio) }),
  };
}

/** Writes a `sae` artifact: see `loadDictionary`. SAELens 6 opens the directory with `SAE.load_from_disk`. */
export function saveDictionary(
  directory: string,
  config: DictionaryConfig,
  weights: DictionaryWeights,
): void {
  const { width: D, features: F } = config;
  const E = config.writes?.width ?? D;
  mkdirSync(directory, { recursive: true });
  const tensor = (data: Float32Array, shape: number[]) => ({ dtype: 'F32' as const, shape, data });
  writeSafetensors(join(directory, WEIGHTS_FILE), {
    W_enc: tensor(weights.W_enc, [D, F]),
    W_dec: tensor(weights.W_dec, [F, E]),
    b_enc: tensor(weights.b_enc, [F]),
    b_dec: tensor(weights.b_dec, [E]),
    ...(weights.threshold && { threshold: tensor(weights.threshold, [F]) }),
    ...(weights.W_skip && { W_skip: tensor(weights.W_skip, [E, D]) }),
  });
  const content = { ...saeLensConfig(config), plumbline: config };
  writeFileSync(join(directory, CONFIG_FILE), `${JSON.stringify(content, null, 2)}\n`);
}
