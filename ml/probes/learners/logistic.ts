import type { Matrix } from '../algebra/matrix.ts';
import type { LinearProbe } from '../linear-probe.ts';
import { fitLogistic, ROUGH_TOLERANCE } from '../logistic.ts';
import { fitLogisticBatch } from '../logistic-batch.ts';
import { PrincipalScores } from '../principal-scores.ts';
import { RidgePath } from '../ridge-path.ts';
import type { Learner } from './types.ts';

/**
 * Logistic regression with an L2 penalty (logistic.ts) of the sign. C = 4 / alpha with the ridge penalty alpha that left-out
 * rows choose for +-1 targets (ridge-path.ts): the curvature of the logistic loss at 0 is 1/4.
 */
export const logistic: Learner = {
  classifies: true,
  usualPenalty: 1,
  chooser(X, groups) {
    const principal = new PrincipalScores(X);
    const path = new RidgePath(principal, groups);
    const penaltyOf = (targets: ArrayLike<number>) => 4 / path.fit(Array.from(targets, Math.sign)).alpha;
    const onInputs = ({ coefficients, intercept }: LinearProbe) => principal.probe(coefficients, intercept);
    return {
      choose(targets) {
        const C = penaltyOf(targets);
        return { probe: onInputs(fitSigns(principal.scores, targets, C)), penalty: C };
      },
      controls(all) {
        const problems = all.map((targets) => ({ labels: signsOf(targets), C: penaltyOf(targets) }));
        return fitLogisticBatch(principal.scores, problems, { tolerance: ROUGH_TOLERANCE }).map(onInputs);
      },
    };
  },
  at: (X, penalty) => (targets, rough) => fitSigns(X, targets, penalty, rough),
  perRow: (penalty, from, to) => (penalty * from) / to,
};

const signsOf = (targets: ArrayLike<number>) => Array.from(targets, (value) => Number(value > 0));

function fitSigns(X: Matrix, targets: ArrayLike<number>, C: number, rough?: boolean) {
  return fitLogistic(X, signsOf(targets), { C, ...(rough ? { tolerance: ROUGH_TOLERANCE } : {}) });
}
