import type { Batch } from './mini-batch.ts';
import { mean, variance } from './moments.ts';
import type { PpoLoss } from './ppo-loss.ts';
import { realEntries } from './response-grid.ts';

/** What is recorded of each step, and what it means. Token means are over all response tokens of the batch. */
export const PPO_METRICS = {
  reward: 'Mean reward of the completions.',
  reward_sd: 'Standard deviation of the rewards over completions.',
  kl: 'KL to the reference in nats a completion: sum of log-ratios of the sampled tokens, mean over completions.',
  kl_coefficient: 'Weight of the KL penalty in this step.',
  entropy: 'Mean entropy of the next-token distribution, in nats.',
  length: 'Mean tokens of a completion.',
  ended: 'Share of completions that ended by themselves.',
  policy_loss: 'Clipped policy loss, mean over updates.',
  value_loss: 'Clipped value loss, mean over updates, before its coefficient.',
  explained_variance: '1 − variance(return − value) / variance(return), with the values of the rollout.',
  ratio: 'Mean probability ratio of new to old policy, mean over updates.',
  approx_kl: 'Half the mean squared log-ratio of new to old policy, mean over updates.',
  clip_fraction: 'Share of tokens whose policy loss was clipped, mean over updates.',
  value_clip_fraction: 'Share of tokens whose value loss was clipped, mean over updates.',
  gradient_norm: 'Norm of the gradient before it is clipped, mean over updates.',
  learning_rate: 'Learning rate of this step.',
  updates: 'Optimiser steps: fewer than planned when the KL stop ended the passes.',
} as const;

export type PpoMetrics = Record<keyof typeof PPO_METRICS, number>;

type Learned =
  | 'policy_loss'
  | 'value_loss'
  | 'explained_variance'
  | 'ratio'
  | 'approx_kl'
  | 'clip_fraction'
  | 'value_clip_fraction'
  | 'gradient_norm'
  | 'updates';

/** The part of a step's metrics that its updates determine. */
export function learningMetrics(
  { records, returns }: Batch,
  losses: readonly PpoLoss[],
  gradientNorms: readonly number[],
): Pick<PpoMetrics, Learned> {
  const over = (read: (loss: PpoLoss) => number) => mean(losses.map(read));
  const goals = realEntries(returns, records.lengths);
  const errors = goals.map((goal, n) => goal - (records.values[n] as number));
  const spread = variance(goals);
  return {
    policy_loss: over(({ policyLoss }) => policyLoss),
    value_loss: over(({ valueLoss }) => valueLoss),
    explained_variance: spread > 0 ? 1 - variance(errors) / spread : 0,
    ratio: over(({ stats }) => stats.ratio),
    approx_kl: over(({ stats }) => stats.approxKl),
    clip_fraction: over(({ stats }) => stats.clipFraction),
    value_clip_fraction: over(({ stats }) => stats.valueClipFraction),
    gradient_norm: mean(gradientNorms),
    updates: losses.length,
  };
}
