import { ComputeError } from '../ml/failure.ts';
import { groupSizes } from '../ml/sae/matryoshka.ts';
import type { TrainingSettings } from '../ml/sae/settings.ts';
import { type ChosenSparseSettings, TOP_K_VARIANTS } from '../ml/sae/sparse-settings.ts';
import type { SaeTrainParameters } from '../schemas/generated/parameters.ts';

/** What `sae.train` lets be chosen of how features are kept, revived and started, in the words of `ml/sae`. */
export function sparseSettings(params: SaeTrainParameters): ChosenSparseSettings {
  return {
    annealing: params['k-annealing'],
    groups: params.groups,
    levelWeights: params['level-weights'],
    initialisation: params.initialisation,
    decoderBias: params['decoder-bias'],
    resampling: params.resampling,
    deadAfter: params.auxiliary['dead-after'],
  };
}

/** Variants with an L1 penalty and one encoder; the others revive features by a loss, or have thresholds of their own. */
const RESAMPLED = new Set(['l1-tied', 'standard', 'april', 'p-anneal']);

/**
 * @param rows activations to train on
 * @throws ComputeError bad-parameter for what the schema cannot see
 */
export function refuseSparseSettings(settings: TrainingSettings, rows: number): void {
  const { variant, features, k, annealing } = settings;
  const largest = variant === 'crosscoder' && settings.crosscoder.sparsity === 'batch-topk';
  if (TOP_K_VARIANTS.has(variant) || largest) {
    refuseK('k', variant, k, features);
    if (annealing) refuseK('k-annealing.start', variant, annealing.start, features);
  }
  if (variant === 'matryoshka') refuseGroups(settings);
  if (settings.initialisation === 'data' && rows < features) {
    throw refusal(
      `${features} features cannot start from ${rows} activations`,
      'capture more activations, lower `expansion`, or use `initialisation: random`',
    );
  }
  if (settings.resampling && !RESAMPLED.has(variant)) {
    throw refusal(
      `The variant ${variant} does not resample dead features`,
      TOP_K_VARIANTS.has(variant)
        ? 'leave out `resampling`: the loss of `auxiliary` revives them'
        : `leave out \`resampling\`, which is for ${[...RESAMPLED].join(', ')}`,
    );
  }
}

function refuseK(field: string, variant: string, k: number, features: number): void {
  if (k > features) {
    throw refusal(
      `${field} is ${k}, but there are only ${features} features`,
      `lower \`${field}\`, or raise \`expansion\``,
    );
  }
  if (variant === 'topk' && !Number.isInteger(k)) {
    throw refusal(
      `${field} is ${k}, but topk keeps a whole number of features`,
      `round \`${field}\`, or use \`variant: batch-topk\``,
    );
  }
}

function refuseGroups({ groups, features }: TrainingSettings): void {
  const total = groups.reduce((sum, share) => sum + share, 0);
  if (Math.abs(total - 1) > 1e-6) {
    throw refusal(`groups add up to ${total}`, 'let the shares of `groups` add up to 1');
  }
  try {
    groupSizes(features, groups);
  } catch (error) {
    throw refusal((error as Error).message, 'use fewer `groups`, or raise `expansion`');
  }
}

const refusal = (message: string, hint: string) => new ComputeError('bad-parameter', message, { hint });
