import type { Grid } from './response-grid.ts';

/**
 * The reward of each token: the KL term everywhere, the text's score at the last real token.
 *
 *   r_t = -beta KL_t + [t is the last real token] score
 *
 * Source: Ziegler et al. (arXiv 1909.08593), eq. 2, as in TRL 0.7.11, `PPOTrainer.compute_rewards`. A row without real
 * tokens gets no score.
 */
export function tokenRewards(
  kl: Grid,
  scores: ArrayLike<number>,
  lengths: readonly number[],
  beta: number,
): Grid {
  return kl.map((row, b) => {
    const rewards = row.map((term) => -beta * term);
    const last = (lengths[b] as number) - 1;
    if (last >= 0) rewards[last] = (rewards[last] as number) + (scores[b] as number);
    return rewards;
  });
}
