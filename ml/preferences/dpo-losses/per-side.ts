import { logSigmoid, sigmoid } from './logistic.ts';
import type { PairwiseLoss } from './types.ts';

/**
 * Losses that pull on each completion by itself, with c = beta d_c and r = beta d_r:
 *
 *   nca-pair    -log sigma(c) - 1/2 log sigma(-c) - 1/2 log sigma(-r)       Chen et al. 2024, arXiv 2402.05369, two completions
 *   bco-pair    -log sigma(c) - log sigma(-r)                              Jung et al. 2024, arXiv 2404.04656, without its shift
 *   sppo-hard   (d_c - 1 / (2 beta))^2 + (d_r + 1 / (2 beta))^2            Wu et al. 2024, arXiv 2405.00675, eq. 4.7, P = 1 and 0
 *   apo-zero    1 - sigma(c) + sigma(r)                                    D'Oosterlinck et al. 2024, arXiv 2408.06266, eq. 7
 *   apo-down    sigma(c) + 1 - sigma(c - r)                                the same, eq. 8
 */
export const perSideLosses = {
  'nca-pair': ({ chosen, rejected }, { beta }) => {
    const [c, r] = [beta * chosen, beta * rejected];
    return {
      value: -logSigmoid(c) - 0.5 * logSigmoid(-c) - 0.5 * logSigmoid(-r),
      chosen: beta * (-sigmoid(-c) + 0.5 * sigmoid(c)),
      rejected: beta * 0.5 * sigmoid(r),
    };
  },
  'bco-pair': ({ chosen, rejected }, { beta }) => {
    const [c, r] = [beta * chosen, beta * rejected];
    return {
      value: -logSigmoid(c) - logSigmoid(-r),
      chosen: -beta * sigmoid(-c),
      rejected: beta * sigmoid(r),
    };
  },
  'sppo-hard': ({ chosen, rejected }, { beta }) => {
    const [winner, loser] = [chosen - 0.5 / beta, rejected + 0.5 / beta];
    return { value: winner * winner + loser * loser, chosen: 2 * winner, rejected: 2 * loser };
  },
  'apo-zero': ({ chosen, rejected }, { beta }) => {
    const [c, r] = [sigmoid(beta * chosen), sigmoid(beta * rejected)];
    return { value: 1 - c + r, chosen: -beta * c * (1 - c), rejected: beta * r * (1 - r) };
  },
  'apo-down': ({ chosen, rejected }, { beta }) => {
    const [c, difference] = [sigmoid(beta * chosen), sigmoid(beta * (chosen - rejected))];
    const slope = beta * difference * (1 - difference);
    return { value: c + 1 - difference, chosen: beta * c * (1 - c) - slope, rejected: slope };
  },
} satisfies Record<string, PairwiseLoss>;
