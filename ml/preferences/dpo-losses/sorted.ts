import { smoothed } from './difference.ts';
import type { LossOptions, PairLogProbs } from './types.ts';

/**
 * Distributional alignment by optimal transport (Melnyk et al. 2024, arXiv 2406.05882): the logistic loss of
 * differences between order statistics over the batch, so that one distribution comes to lie above the other.
 *
 *   aot            x_i = beta (sort(p_c - p_r)_i - sort(q_c - q_r)_i)
 *   aot-unpaired   x_i = beta (sort(d_c)_i - sort(d_r)_i)
 *   both           mean over i of -(1 - e) log sigma(x_i) - e log sigma(-x_i)
 */
export interface SortedLoss {
  /** Of each order statistic; their mean is the loss. */
  values: Float64Array;
  /** Derivatives of their sum in the policy's log-probabilities, by pair. */
  chosen: Float64Array;
  rejected: Float64Array;
}

export type AcrossPairsLoss = (
  policy: PairLogProbs,
  reference: PairLogProbs,
  options: LossOptions,
) => SortedLoss;

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Float64Array.from(a, (x, i) => x - (b[i] as number));

const ascending = (values: Float64Array) =>
  Int32Array.from(values.keys()).sort((i, j) => (values[i] as number) - (values[j] as number) || i - j);

export const acrossPairsLosses = {
  aot(policy, reference, options) {
    const ours = difference(policy.chosen, policy.rejected);
    const theirs = difference(reference.chosen, reference.rejected);
    const [order, other] = [ascending(ours), ascending(theirs)];
    const n = ours.length;
    const loss = { values: new Float64Array(n), chosen: new Float64Array(n), rejected: new Float64Array(n) };
    for (const [place, i] of order.entries()) {
      const gap = (ours[i] as number) - (theirs[other[place] as number] as number);
      const [value, slope] = smoothed(options.beta * gap, options);
      loss.values[place] = value;
      loss.chosen[i] = options.beta * slope;
      loss.rejected[i] = -options.beta * slope;
    }
    return loss;
  },
  'aot-unpaired'(policy, reference, options) {
    const chosen = difference(policy.chosen, reference.chosen);
    const rejected = difference(policy.rejected, reference.rejected);
    const [above, below] = [ascending(chosen), ascending(rejected)];
    const n = chosen.length;
    const loss = { values: new Float64Array(n), chosen: new Float64Array(n), rejected: new Float64Array(n) };
    for (const [place, i] of above.entries()) {
      const j = below[place] as number;
      const gap = (chosen[i] as number) - (rejected[j] as number);
      const [value, slope] = smoothed(options.beta * gap, options);
      loss.values[place] = value;
      loss.chosen[i] = options.beta * slope;
      loss.rejected[j] = -options.beta * slope;
    }
    return loss;
  },
} satisfies Record<string, AcrossPairsLoss>;
