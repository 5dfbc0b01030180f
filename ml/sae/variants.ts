import type { RandomStream } from '../random/stream.ts';
import type { AnnealingOptions } from './annealed-penalty.ts';
import { AprilAutoencoder, type AprilOptions } from './april.ts';
import { AUXILIARY_FORMS } from './auxiliary-loss.ts';
import { BatchTopKAutoencoder } from './batch-topk.ts';
import { Crosscoder, type CrosscoderOptions } from './crosscoder.ts';
import { GATED_FORMS, GatedAutoencoder } from './gated.ts';
import { orthogonal, randomDirections, xavierUniform } from './initial-weights.ts';
import { JumpReluAutoencoder, type JumpReluOptions } from './jumprelu.ts';
import type { KSchedule } from './k-schedule.ts';
import { L1TiedAutoencoder } from './l1-tied.ts';
import { groupSizes, MatryoshkaAutoencoder, type MatryoshkaOptions } from './matryoshka.ts';
import { PAnnealAutoencoder, type PAnnealOptions } from './p-anneal.ts';
import { StandardAutoencoder } from './standard.ts';
import { type StartingOptions, type StartingPoint, startingPoint } from './starting-point.ts';
import { TopKAutoencoder, type TopKOptions } from './topk.ts';
import { Transcoder } from './transcoder.ts';
import type { SparseAutoencoder } from './types.ts';

/** What may be chosen about an autoencoder; each variant reads its own part. */
export interface VariantOptions extends StartingOptions {
  l1: number;
  norm: 'in-place' | 'in-graph';
  k: number;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS };
  reconstruction: 'squared-error' | 'fvu';
  l1Weight: AprilOptions['l1Weight'];
  subtractsDecoderBias: boolean;
  jumprelu: Omit<JumpReluOptions, 'subtractsDecoderBias'> & { firstThreshold: number };
  gatedForm: keyof typeof GATED_FORMS;
  pAnneal: AnnealingOptions & { penalty: PAnnealOptions['penalty'] };
  annealing: KSchedule['annealing'] | null;
  /** Of `matryoshka`: shares of the features. */
  groups: readonly number[];
  levelWeights: MatryoshkaOptions['weights'];
  transcoder: { skip: boolean };
  crosscoder: { sparsity: CrosscoderOptions['sparsity'] };
  /** What to reconstruct, if not what is read: its width E, and some of it, scaled for training. */
  target?: { width: number; sample_NE: Float32Array } | null;
}

export type VariantName =
  | 'l1-tied'
  | 'standard'
  | 'april'
  | 'topk'
  | 'jumprelu'
  | 'gated'
  | 'p-anneal'
  | 'batch-topk'
  | 'matryoshka'
  | 'transcoder'
  | 'crosscoder'
  | 'diff';

/** Every variant, as it starts. A new one is an entry here and a file of its own. */
const VARIANTS: Record<VariantName, (options: VariantOptions, start: StartingPoint) => SparseAutoencoder> = {
  'l1-tied'({ width: D, features: F, l1, norm, stream, initialisation }, start) {
    const random = norm === 'in-graph' ? orthogonal : xavierUniform;
    const encoder_FD = initialisation === 'data' ? start.rows(1) : random(F, D, stream);
    return new L1TiedAutoencoder(D, F, { ...biases(F, start), encoder_FD }, { l1, norm });
  },
  standard({ width: D, features: F, l1 }, start) {
    return new StandardAutoencoder(D, F, sameRows(0.1, start), { l1 });
  },
  april({ width: D, features: F, l1, l1Weight, subtractsDecoderBias }, start) {
    const weights = sameRows(0.1, start);
    return new AprilAutoencoder(D, F, weights, { l1, l1Weight, subtractsDecoderBias });
  },
  jumprelu({ width: D, features: F, jumprelu, subtractsDecoderBias }, start) {
    const threshold_F = new Float32Array(F).fill(jumprelu.firstThreshold);
    const weights = { ...sameRows(jumprelu.unitNorm ? 1 : 0.1, start), threshold_F };
    return new JumpReluAutoencoder(D, F, weights, { ...jumprelu, subtractsDecoderBias });
  },
  gated({ width: D, features: F, l1, gatedForm }, start) {
    const form = GATED_FORMS[gatedForm];
    const weights = {
      ...sameRows(form.unitNorm ? 1 : 0.1, start),
      magnitudeBias_F: new Float32Array(F),
      logScale_F: new Float32Array(F),
    };
    return new GatedAutoencoder(D, F, weights, { l1, form });
  },
  'p-anneal'({ width: D, features: F, l1, pAnneal }, start) {
    return new PAnnealAutoencoder(D, F, sameRows(0.1, start), { l1, ...pAnneal });
  },
  topk(options, start) {
    return new TopKAutoencoder(options.width, options.features, sameRows(1, start), topkOptions(options));
  },
  'batch-topk'(options, start) {
    const { width: D, features: F } = options;
    return new BatchTopKAutoencoder(D, F, sameRows(1, start), topkOptions(options));
  },
  matryoshka(options, start) {
    const { width: D, features: F, groups, levelWeights } = options;
    return new MatryoshkaAutoencoder(D, F, sameRows(1, start), {
      ...topkOptions(options),
      groups: groupSizes(F, groups),
      weights: levelWeights,
    });
  },
  transcoder({ width: D, features: F, l1, transcoder: { skip }, target, stream }, start) {
    if (!target) throw new Error('A transcoder needs something else to reconstruct than it reads');
    const { width: E, sample_NE } = target;
    const weights = {
      encoder_FD: start.rows(1),
      decoder_FD: randomDirections(F, E, 0.1, stream),
      encoderBias_F: new Float32Array(F),
      decoderBias_D: meanRow(sample_NE, E),
      ...(skip && { skip_ED: new Float32Array(E * D) }),
    };
    return new Transcoder(D, E, F, weights, { l1 });
  },
  crosscoder(options, start) {
    const { width: D, features: F, l1, crosscoder } = options;
    const weights = { ...biases(F, start), ...alikeInBoth(F, D / 2, 0.1, options.stream) };
    return new Crosscoder(
      D,
      F,
      weights,
      crosscoder.sparsity === 'l1'
        ? { models: 2, sparsity: 'l1', l1 }
        : { models: 2, sparsity: 'batch-topk', ...topkOptions(options) },
    );
  },
  diff(options, start) {
    const { width: D, features: F } = options;
    return new BatchTopKAutoencoder(D, F, sameRows(1, start), topkOptions(options));
  },
};

export const createAutoencoder = (variant: VariantName, options: VariantOptions): SparseAutoencoder =>
  VARIANTS[variant](options, startingPoint(options));

const topkOptions = ({ k, annealing, auxiliary, reconstruction }: VariantOptions): TopKOptions => ({
  k,
  ...(annealing && { annealing }),
  auxiliaryCoefficient: auxiliary.coefficient,
  auxiliaryForm: AUXILIARY_FORMS[auxiliary.form],
  reconstruction,
});

/** Encoder and decoder alike. */
const sameRows = (norm: number, start: StartingPoint) => {
  const rows_FD = start.rows(norm);
  const { decoderBias_D } = start;
  const features = rows_FD.length / decoderBias_D.length;
  return { encoder_FD: rows_FD, decoder_FD: rows_FD, ...biases(features, start) };
};

const biases = (features: number, { decoderBias_D }: StartingPoint) => ({
  encoderBias_F: new Float32Array(features),
  decoderBias_D,
});

/** The same random rows for both models. */
function alikeInBoth(F: number, D: number, norm: number, stream: RandomStream) {
  const rows_FD = randomDirections(F, D, norm, stream);
  const both = new Float32Array(2 * F * D);
  for (let f = 0; f < F; f++) {
    for (const model of [0, 1]) both.set(rows_FD.subarray(f * D, (f + 1) * D), (2 * f + model) * D);
  }
  return { encoder_FD: both, decoder_FD: both };
}

function meanRow(rows_NE: Float32Array, E: number): Float32Array {
  const sums = new Float64Array(E);
  rows_NE.forEach((value, i) => {
    sums[i % E]! += value;
  });
  return Float32Array.from(sums, (sum) => (sum * E) / rows_NE.length);
}
