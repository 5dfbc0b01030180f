import { logisticL1Path, smallestC } from '../logistic-l1.ts';
import { geometric, leastLoss, leftOutPredictions } from './left-out.ts';
import type { Learner } from './types.ts';

/** Values of C tried: from the one that leaves nothing up to so many times it. */
const LARGEST = 100;
const CANDIDATES = 10;
const ROUGH = 1e-5;
const FINE = 1e-9;

const signs = (targets: ArrayLike<number>) => Array.from(targets, (value) => Number(value > 0));

/**
 * Logistic regression with an L1 penalty (logistic-l1.ts) of the sign; C is the one of ten between the largest that leaves no
 * feature and a hundred times that with the smallest mean log loss of left-out rows.
 */
export const logisticL1: Learner = {
  classifies: true,
  usualPenalty: 1,
  chooser(X, groups) {
    const choose = (targets: ArrayLike<number>, rough: boolean) => {
      const labels = signs(targets);
      const smallest = smallestC(X, labels);
      const Cs = geometric(smallest, LARGEST * smallest, CANDIDATES);
      const left = leftOutPredictions(X, groups, (own, rows) =>
        logisticL1Path(
          own,
          rows.map((row) => labels[row] as number),
          Cs,
          { tolerance: ROUGH },
        ),
      );
      const best = leastLoss(left, (odds, row) => {
        const margin = labels[row] ? odds : -odds;
        return Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
      });
      const path = logisticL1Path(X, labels, Cs.slice(0, best + 1), { tolerance: rough ? ROUGH : FINE });
      return { probe: path[best] as (typeof path)[number], penalty: Cs[best] as number };
    };
    return {
      choose: (targets) => choose(targets, false),
      controls: (all) => all.map((targets) => choose(targets, true).probe),
    };
  },
  at: (X, penalty) => (targets, rough) => {
    const [probe] = logisticL1Path(X, signs(targets), [penalty], { tolerance: rough ? ROUGH : FINE });
    return probe as NonNullable<typeof probe>;
  },
  perRow: (penalty, from, to) => (penalty * from) / to,
};
