import type { AnnealingOptions } from './annealed-penalty.ts';
import type { AprilOptions } from './april.ts';
import type { AUXILIARY_FORMS } from './auxiliary-loss.ts';
import type { GATED_FORMS } from './gated.ts';
import type { JumpReluOptions } from './jumprelu.ts';
import type { PAnnealOptions } from './p-anneal.ts';
import {
  type ChosenSparseSettings,
  resolveSparseSettings,
  type SparseSettings,
  TOP_K_VARIANTS,
} from './sparse-settings.ts';
import type { VariantName } from './variants.ts';

/** What activations are multiplied by: nothing, or what makes the mean of ||x||^2 1, or D. */
export type Normalisation = 'none' | 'unit-mean-square-norm' | 'unit-mean-square';

/** How one autoencoder is made and trained: everything decided. */
export interface TrainingSettings extends SparseSettings {
  variant: VariantName;
  features: number;
  /** Optimiser steps, each on `batch` activations. */
  steps: number;
  batch: number;
  learningRate: number;
  /** Steps over which the learning rate rises from 0; and falls to 0, at the end. */
  warmUp: number;
  decay: number;
  /** Steps over which the L1 penalty rises from 0. */
  sparsityWarmUp: number;
  maxGradientNorm: number | null;
  normalise: Normalisation;
  shuffle: boolean;
  l1: number;
  norm: 'in-place' | 'in-graph';
  k: number;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS };
  reconstruction: 'squared-error' | 'fvu';
  l1Weight: AprilOptions['l1Weight'];
  /** `april` and `jumprelu`. */
  subtractsDecoderBias: boolean;
  jumprelu: Omit<JumpReluOptions, 'subtractsDecoderBias'> & { firstThreshold: number };
  gatedForm: keyof typeof GATED_FORMS;
  pAnneal: AnnealingOptions & { penalty: PAnnealOptions['penalty'] };
  transcoder: { skip: boolean };
  crosscoder: { sparsity: 'l1' | 'batch-topk' };
}

/** What the author of the experiment may leave out. */
export interface ChosenSettings extends ChosenSparseSettings {
  variant: VariantName;
  protocol: 'faithful' | 'corrected';
  expansion?: number | undefined;
  features?: number | undefined;
  activations?: number | undefined;
  batch?: number | undefined;
  learningRate?: number | undefined;
  warmUp?: number | undefined;
  decay?: number | undefined;
  sparsityWarmUp?: number | undefined;
  maxGradientNorm?: number | undefined;
  normalise?: Normalisation | undefined;
  l1?: number;
  norm: 'in-place' | 'in-graph';
  k?: number | undefined;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS };
  reconstruction: 'squared-error' | 'fvu';
  l1Weight: AprilOptions['l1Weight'];
  subtractsDecoderBias: boolean;
  jumprelu: Omit<TrainingSettings['jumprelu'], 'coefficient' | 'targetL0'> & {
    coefficient?: number | undefined;
    targetL0?: number | undefined;
  };
  gatedForm: keyof typeof GATED_FORMS;
  pAnneal: Omit<TrainingSettings['pAnneal'], 'annealStart' | 'annealEnd'> & {
    annealStart?: number | undefined;
    annealEnd?: number | undefined;
  };
  transcoder: TrainingSettings['transcoder'];
  crosscoder: TrainingSettings['crosscoder'];
}

/** The variants whose gradients the packages clip. */
const CLIPPED: ReadonlySet<VariantName> = new Set([
  'transcoder',
  'crosscoder',
  'diff',
  ...TOP_K_VARIANTS,
  'april',
  'jumprelu',
]);

/**
 * Fills in what was not chosen.
 *
 * `faithful` is the published training of `l1-tied`: as many features as coordinates, Adam 0.001 at a constant rate, one
 * pass in the texts' order, raw activations, batches of 32 texts of 256 tokens, no clipping.
 *
 * `corrected`: activations of mean square norm 1, shuffled; warm-up and decay; dead features revived (`topk` and its kind). The
 * learning rate of those is the packages' 2e-4 / sqrt(F / 2^14); windows and warm-ups, which they give for runs of 10^8
 * activations and more, are shares of the run.
 *
 * @param width D
 * @param rows activations to train on
 */
export function resolveSettings(chosen: ChosenSettings, width: number, rows: number): TrainingSettings {
  const faithful = chosen.protocol === 'faithful';
  const { variant } = chosen;
  const features = chosen.features ?? Math.round(width * (chosen.expansion ?? (faithful ? 1 : 8)));
  const batch = Math.min(rows, chosen.batch ?? (faithful ? 8192 : 1024));
  const steps = Math.max(1, Math.ceil((chosen.activations ?? (faithful ? rows : 300_000)) / batch));
  const share = (part: number) => (faithful ? 0 : Math.round(steps * part));
  const sixteenth = Math.max(1, Math.min(features, Math.round(width / 16)));
  const topkRate = 2e-4 / Math.sqrt(features / 2 ** 14);
  return {
    variant,
    features,
    steps,
    batch,
    learningRate: chosen.learningRate ?? (TOP_K_VARIANTS.has(variant) ? topkRate : 1e-3),
    warmUp: chosen.warmUp ?? share(0.05),
    decay: chosen.decay ?? share(0.2),
    sparsityWarmUp: chosen.sparsityWarmUp ?? share(0.05),
    maxGradientNorm: chosen.maxGradientNorm ?? (faithful || !CLIPPED.has(variant) ? null : 1),
    normalise: chosen.normalise ?? (faithful ? 'none' : 'unit-mean-square-norm'),
    shuffle: !faithful,
    l1: chosen.l1 ?? (variant === 'l1-tied' ? 1e-3 : 0.1),
    norm: chosen.norm,
    k: chosen.k ?? sixteenth,
    auxiliary: { coefficient: chosen.auxiliary.coefficient, form: chosen.auxiliary.form },
    reconstruction: chosen.reconstruction,
    l1Weight: chosen.l1Weight,
    subtractsDecoderBias: chosen.subtractsDecoderBias,
    jumprelu: {
      ...chosen.jumprelu,
      coefficient: chosen.jumprelu.coefficient ?? (chosen.jumprelu.sparsity === 'target-l0' ? 1 : 0.01),
      targetL0: chosen.jumprelu.targetL0 ?? sixteenth,
    },
    gatedForm: chosen.gatedForm,
    pAnneal: annealing(chosen.pAnneal, steps),
    transcoder: chosen.transcoder,
    crosscoder: chosen.crosscoder,
    ...resolveSparseSettings(chosen, { variant, steps, batch }),
  };
}

/** p falls between the end of the warm-ups and the decay, in as many values as there are steps for. */
function annealing(chosen: ChosenSettings['pAnneal'], steps: number): TrainingSettings['pAnneal'] {
  const annealStart = chosen.annealStart ?? Math.round(steps * 0.1);
  const annealEnd = Math.max(annealStart + 1, chosen.annealEnd ?? Math.round(steps * 0.8));
  return {
    ...chosen,
    annealStart,
    annealEnd,
    updates: Math.min(chosen.updates, annealEnd - annealStart + 1),
  };
}

/** What to multiply activations by. One number, so that it folds into biases and thresholds exactly. */
export function trainingScale(normalise: Normalisation, unitScale: number, width: number): number {
  if (normalise === 'none') return 1;
  return normalise === 'unit-mean-square' ? unitScale * Math.sqrt(width) : unitScale;
}
