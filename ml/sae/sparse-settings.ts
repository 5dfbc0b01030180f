import type { KSchedule } from './k-schedule.ts';
import type { MatryoshkaOptions } from './matryoshka.ts';
import type { ResamplingOptions } from './resampling.ts';
import type { DecoderBias, Initialisation } from './starting-point.ts';
import type { VariantName } from './variants.ts';

/** What keeps features few and alive, and where they start: everything decided. */
export interface SparseSettings {
  /** How k falls. */
  annealing: Required<KSchedule>['annealing'] | null;
  /** Of `matryoshka`: shares of the features. */
  groups: readonly number[];
  levelWeights: MatryoshkaOptions['weights'];
  initialisation: Initialisation;
  decoderBias: DecoderBias;
  resampling: Omit<ResamplingOptions, 'draw'> | null;
  /** In activations seen. */
  deadAfter: number;
}

/** What the author of the experiment may leave out. */
export interface ChosenSparseSettings {
  annealing?: { start: number; steps?: number | undefined } | undefined;
  groups: readonly number[];
  levelWeights: MatryoshkaOptions['weights'];
  initialisation: Initialisation;
  decoderBias?: DecoderBias | undefined;
  resampling?: { every: number; until?: number | undefined; form: ResamplingOptions['form'] } | undefined;
  deadAfter?: number | undefined;
}

/** The variants that keep the largest activations, with the settings of dictionary_learning's. */
export const TOP_K_VARIANTS: ReadonlySet<VariantName> = new Set(['topk', 'batch-topk', 'matryoshka', 'diff']);

/** Where the dictionaries of the packages count a feature as dead. */
const PACKAGES_WINDOW = 10_000_000;

/**
 * Fills in what was not chosen. k falls in the first half of the run, and dead features are started anew in it, so that the
 * running threshold, which is averaged over the second half, is that of a settled dictionary. Features are dead after half
 * the time between resamplings (dictionary_learning, Bricken et al.), else after a tenth of the run.
 */
export function resolveSparseSettings(
  chosen: ChosenSparseSettings,
  run: { variant: VariantName; steps: number; batch: number },
): SparseSettings {
  const { annealing, resampling } = chosen;
  const half = Math.floor(run.steps / 2);
  const window = resampling
    ? Math.ceil(resampling.every / 2) * run.batch
    : Math.min(PACKAGES_WINDOW, Math.ceil((run.steps * run.batch) / 10));
  return {
    annealing: annealing ? { start: annealing.start, steps: annealing.steps ?? half } : null,
    groups: chosen.groups,
    levelWeights: chosen.levelWeights,
    initialisation: chosen.initialisation,
    decoderBias: chosen.decoderBias ?? (TOP_K_VARIANTS.has(run.variant) ? 'geometric-median' : 'zero'),
    resampling: resampling ? { ...resampling, until: resampling.until ?? half } : null,
    deadAfter: chosen.deadAfter ?? window,
  };
}
