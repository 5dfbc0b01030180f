import type { Matrix } from '../algebra/matrix.ts';
import { fitLogistic, ROUGH_TOLERANCE } from '../logistic.ts';
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
    return (targets, rough) => {
      const C = 4 / path.fit(Array.from(targets, Math.sign)).alpha;
      const { coefficients, intercept } = fitSigns(principal.scores, targets, C, rough);
      return { probe: principal.probe(coefficients, intercept), penalty: C };
    };
  },
  at: (X, penalty) => (targets, rough) => fitSigns(X, targets, penalty, rough),
  perRow: (penalty, from, to) => (penalty * from) / to,
};

function fitSigns(X: Matrix, targets: ArrayLike<number>, C: number, rough?: boolean) {
  const labels = Array.from(targets, (value) => Number(value > 0));
  return fitLogistic(X, labels, { C, ...(rough ? { tolerance: ROUGH_TOLERANCE } : {}) });
}
