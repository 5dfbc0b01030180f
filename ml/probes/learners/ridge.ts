import { PrincipalScores } from '../principal-scores.ts';
import { ridgeSolver } from '../ridge.ts';
import { RidgePath } from '../ridge-path.ts';
import type { Learner } from './types.ts';

/** Ridge regression (ridge.ts); the penalty alpha by ridge-path.ts. */
export const ridge: Learner = {
  classifies: false,
  usualPenalty: 1,
  chooser(X, groups) {
    const path = new RidgePath(new PrincipalScores(X), groups);
    const choose = (targets: ArrayLike<number>) => {
      const { probe, alpha } = path.fit(targets);
      return { probe, penalty: alpha };
    };
    return { choose, controls: (all) => all.map((targets) => choose(targets).probe) };
  },
  at: (X, penalty) => ridgeSolver(X, penalty),
  perRow: (penalty, from, to) => (penalty * to) / from,
};
