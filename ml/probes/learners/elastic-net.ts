import { elasticNetPath, largestAlpha } from '../elastic-net.ts';
import { geometric, leastLoss, leftOutPredictions } from './left-out.ts';
import type { Learner } from './types.ts';

/** Penalties tried: from the one that leaves nothing down to this share of it. */
const SMALLEST = 0.01;
const CANDIDATES = 10;
const ROUGH = 1e-6;
const FINE = 1e-12;

/**
 * The elastic net, and at L1 ratio 1 the lasso (elastic-net.ts); alpha is the one of ten between the weakest that leaves no
 * feature and a hundredth of it with the smallest mean squared error of left-out rows.
 */
export const elasticNet = (l1Ratio: number): Learner => ({
  classifies: false,
  usualPenalty: 1,
  chooser(X, groups) {
    const choose = (targets: ArrayLike<number>, rough: boolean) => {
      const options = { l1Ratio, tolerance: rough ? ROUGH : FINE };
      const largest = largestAlpha(X, targets, l1Ratio) || 1;
      const alphas = geometric(largest, SMALLEST * largest, CANDIDATES);
      const left = leftOutPredictions(X, groups, (own, rows) =>
        elasticNetPath(
          own,
          rows.map((row) => targets[row] as number),
          alphas,
          { l1Ratio, tolerance: ROUGH },
        ),
      );
      const best = leastLoss(left, (prediction, row) => (prediction - (targets[row] as number)) ** 2);
      const path = elasticNetPath(X, targets, alphas.slice(0, best + 1), options);
      return { probe: path[best] as (typeof path)[number], penalty: alphas[best] as number };
    };
    return {
      choose: (targets) => choose(targets, false),
      controls: (all) => all.map((targets) => choose(targets, true).probe),
    };
  },
  at: (X, penalty) => (targets, rough) => {
    const options = { l1Ratio, tolerance: rough ? ROUGH : FINE };
    const [probe] = elasticNetPath(X, targets, [penalty], options);
    return probe as NonNullable<typeof probe>;
  },
  // The squared errors are averaged over rows already.
  perRow: (penalty) => penalty,
});
