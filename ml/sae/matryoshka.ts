import { BatchTopKAutoencoder } from './batch-topk.ts';
import type { FlatTop } from './flat-top-k.ts';
import { groupKept } from './kept-features.ts';
import type { Level } from './sparse-gradients.ts';
import type { TopKOptions } from './topk.ts';
import type { InferenceWeights } from './types.ts';

/**
 * Matryoshka BatchTopK (Bussmann et al., "Learning Multi-Level Features with Matryoshka Sparse Autoencoders", 2025;
 * dictionary_learning's MatryoshkaBatchTopKTrainer, SAELens' MatryoshkaBatchTopKTrainingSAE): the features are cut into G
 * groups, and the first of them must do without the later ones, so that they stay general:
 *
 *   f       = as in batch-topk, over all features at once
 *   x_hat_j = sum over the features of groups 1 to j of f W_dec + b_dec
 *   loss    = sum_j w_j * mean over rows of ||x - x_hat_j||^2  +  coefficient * AuxK, of the error of x_hat_G
 *
 * The weights w_j by name:
 *   mean                 1 / G, the default
 *   sum                  1 (SAELens)
 *   dictionary-learning  1 / G^2: that trainer takes the mean of losses weighed by 1 / G already, so that AuxK weighs G times
 *                        as much against them as beside `batch-topk`
 *
 * Groups by default: 1/16, 1/16, 1/8, 1/4 and 1/2 of the features.
 */
export interface MatryoshkaOptions extends TopKOptions {
  /** Sizes of the groups, adding up to F. */
  groups: readonly number[];
  weights: keyof typeof LEVEL_WEIGHTS;
}

const LEVEL_WEIGHTS = {
  mean: (groups: number) => 1 / groups,
  sum: () => 1,
  'dictionary-learning': (groups: number) => 1 / groups ** 2,
} as const;

export class MatryoshkaAutoencoder extends BatchTopKAutoencoder {
  override readonly variant = 'matryoshka';
  private readonly groups: readonly number[];
  private readonly weight: number;

  constructor(width: number, features: number, weights: InferenceWeights, options: MatryoshkaOptions) {
    super(width, features, weights, options);
    this.groups = options.groups;
    this.weight = LEVEL_WEIGHTS[options.weights](options.groups.length);
    if (options.groups.some((size) => size < 1) || sum(options.groups) !== features) {
      throw new RangeError(`matryoshka: groups of ${options.groups} are not the ${features} features`);
    }
  }

  protected override levels({ values_P, places_P }: FlatTop): Level[] {
    let end = 0;
    return this.groups.map((size) => {
      end += size;
      const kept = groupKept(values_P, places_P, this.features, [end - size, end]);
      return { kept, weight: this.weight };
    });
  }
}

/**
 * Sizes of groups that are shares of F: each rounded down, the last taking the rest (dictionary_learning).
 *
 * @throws RangeError when a group would be empty
 */
export function groupSizes(features: number, fractions: readonly number[]): number[] {
  const sizes = fractions.slice(0, -1).map((fraction) => Math.floor(fraction * features));
  sizes.push(features - sum(sizes));
  if (sizes.some((size) => size < 1)) {
    throw new RangeError(`${features} features in groups of ${fractions.join(', ')} leave one empty`);
  }
  return sizes;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
