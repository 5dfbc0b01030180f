import { emptyGrid, type Grid } from './response-grid.ts';

/**
 * Generalised advantage estimation:
 *
 *   delta_t = r_t + gamma V_{t+1} - V_t      A_t = delta_t + gamma lambda A_{t+1}      return_t = A_t + V_t
 *
 * with V and A zero after the last position. Runs over the whole width: rewards and values must be 0 (or what is meant
 * to be there) in the padding.
 *
 * Source: Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation" (arXiv
 * 1506.02438), eq. 16. Defaults of TRL 0.7.11: gamma 1, lambda 0.95.
 */
export interface GaeOptions {
  gamma: number;
  lambda: number;
}

export function gae(
  rewards: Grid,
  values: Grid,
  { gamma, lambda }: GaeOptions,
): { advantages: Grid; returns: Grid } {
  const width = rewards[0]?.length ?? 0;
  const advantages = emptyGrid(rewards.length, width);
  const returns = emptyGrid(rewards.length, width);
  for (const [b, reward] of rewards.entries()) {
    const value = values[b] as Float64Array;
    let next = 0;
    for (let t = width - 1; t >= 0; t--) {
      const delta = (reward[t] as number) + gamma * (value[t + 1] ?? 0) - (value[t] as number);
      next = delta + gamma * lambda * next;
      (advantages[b] as Float64Array)[t] = next;
      (returns[b] as Float64Array)[t] = next + (value[t] as number);
    }
  }
  return { advantages, returns };
}
