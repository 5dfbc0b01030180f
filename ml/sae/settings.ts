import type { AUXILIARY_FORMS } from './auxiliary-loss.ts';
import type { VariantName } from './variants.ts';

/** How one autoencoder is made and trained: everything decided. */
export interface TrainingSettings {
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
  normalise: 'none' | 'unit-mean-square-norm';
  shuffle: boolean;
  l1: number;
  norm: 'in-place' | 'in-graph';
  k: number;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS };
  reconstruction: 'squared-error' | 'fvu';
  /** In activations seen. */
  deadAfter: number;
}

/** What the author of the experiment may leave out. */
export interface ChosenSettings {
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
  normalise?: 'none' | 'unit-mean-square-norm' | undefined;
  l1?: number;
  norm: 'in-place' | 'in-graph';
  k?: number | undefined;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS; deadAfter?: number | undefined };
  reconstruction: 'squared-error' | 'fvu';
}

/** Where the dictionaries of the packages count a feature as dead. */
const PACKAGES_WINDOW = 10_000_000;

/**
 * Fills in what was not chosen.
 *
 * `faithful` is the published training of `l1-tied`: as many features as coordinates, Adam 0.001 at a constant rate, one
 * pass in the texts' order, raw activations, batches of 32 texts of 256 tokens, no clipping.
 *
 * `corrected`: activations of mean square norm 1, shuffled; warm-up and decay; dead features revived (`topk`). The learning
 * rate of `topk` is the packages' 2e-4 / sqrt(F / 2^14); windows and warm-ups, which they give for runs of 10^8
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
  const topkRate = 2e-4 / Math.sqrt(features / 2 ** 14);
  return {
    variant,
    features,
    steps,
    batch,
    learningRate: chosen.learningRate ?? (variant === 'topk' ? topkRate : 1e-3),
    warmUp: chosen.warmUp ?? share(0.05),
    decay: chosen.decay ?? share(0.2),
    sparsityWarmUp: chosen.sparsityWarmUp ?? share(0.05),
    maxGradientNorm: chosen.maxGradientNorm ?? (faithful || variant !== 'topk' ? null : 1),
    normalise: chosen.normalise ?? (faithful ? 'none' : 'unit-mean-square-norm'),
    shuffle: !faithful,
    l1: chosen.l1 ?? (variant === 'standard' ? 0.1 : 1e-3),
    norm: chosen.norm,
    k: chosen.k ?? Math.max(1, Math.min(features, Math.round(width / 16))),
    auxiliary: { coefficient: chosen.auxiliary.coefficient, form: chosen.auxiliary.form },
    reconstruction: chosen.reconstruction,
    deadAfter: chosen.auxiliary.deadAfter ?? Math.min(PACKAGES_WINDOW, Math.ceil((steps * batch) / 10)),
  };
}
