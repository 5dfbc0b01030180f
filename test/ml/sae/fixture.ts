import { readFileSync } from 'node:fs';
import type { InferenceWeights } from '../../../ml/sae/types.ts';

/** Numbers recorded from the packages themselves; see `source` in each section. */
const sections = JSON.parse(
  readFileSync(new URL('../../fixtures/reference-maths.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;

export const section = <T>(name: string): T => sections[name] as T;

export type Matrix = number[][];

/** The parameters of dictionary_learning's modules (torch layout), as both of our row-a-feature matrices. */
export interface TorchWeights {
  'encoder.weight': Matrix;
  'encoder.bias': number[];
  'decoder.weight': Matrix;
  b_dec?: number[];
  bias?: number[];
  'decoder.bias'?: number[];
  threshold?: number;
}

export interface DictionaryLearningSection {
  hparams: {
    lr: number;
    warmup_steps: number;
    auxk_alpha?: number;
    l1_penalty?: number;
    threshold_beta?: number;
  };
  init: TorchWeights;
  steps: {
    x: Matrix;
    losses: Record<string, number>;
    raw_grads?: TorchWeights;
    params_after: TorchWeights | null;
    extra: { tokens_since_fired: number[] | null };
  }[];
}

/** One forward and backward pass of a class of SAELens. */
export interface SaeLensSection {
  x: Matrix;
  dead: number[] | null;
  coefficients: { l0?: number; l1?: number };
  params: SaeLensWeights;
  loss: number;
  losses: Record<string, number>;
  sae_out: Matrix;
  grads: SaeLensWeights;
}

export interface SaeLensWeights {
  W_enc: Matrix;
  W_dec: Matrix;
  b_dec: number[];
  b_enc?: number[];
  log_threshold?: number[];
  b_gate?: number[];
  b_mag?: number[];
  r_mag?: number[];
}

export function fromTorch(weights: TorchWeights): InferenceWeights {
  return {
    encoder_FD: flat(weights['encoder.weight']),
    decoder_FD: flat(transpose(weights['decoder.weight'])),
    encoderBias_F: Float32Array.from(weights['encoder.bias']),
    decoderBias_D: Float32Array.from(weights.b_dec ?? (weights.bias as number[])),
  };
}

export const flat = (rows: Matrix): Float32Array => Float32Array.from(rows.flat());

export const transpose = (rows: Matrix): Matrix =>
  (rows[0] as number[]).map((_, column) => rows.map((row) => row[column] as number));

/** The largest |a - b|, over the largest |b|. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    worst = Number.isNaN(gap) ? Number.NaN : Math.max(worst, gap);
    scale = Math.max(scale, Math.abs(b[i] as number));
  }
  return scale > 0 ? worst / scale : worst;
}
