import { mean } from './moments.ts';
import type { Learned } from './policy-updates.ts';

/** What every algorithm records of the updates of a step. */
export const UPDATE_METRICS = {
  policy_loss: 'Clipped policy loss, mean over updates.',
  ratio: 'Mean probability ratio of new to old policy, mean over updates.',
  approx_kl: 'Half the mean squared log-ratio of new to old policy, mean over updates.',
  clip_fraction: 'Share of tokens whose policy loss was clipped, mean over updates.',
  gradient_norm: 'Norm of the gradient before it is clipped, mean over updates.',
  learning_rate: 'Learning rate of this step.',
  updates: 'Optimiser steps: fewer than planned when the KL stop ended the passes.',
} as const;

export type UpdateMetrics = Record<keyof typeof UPDATE_METRICS, number>;

export interface PolicyLossStats {
  /** Mean of rho. */
  ratio: number;
  /** 1/2 mean (logp - logp_old)^2 over tokens. */
  approxKl: number;
  /** mean (logp_old - logp) over tokens: what the KL early stop watches. */
  policyKl: number;
  clipFraction: number;
}

export interface PolicyLoss {
  policyLoss: number;
  totalLoss: number;
  stats: PolicyLossStats;
}

export function updateMetrics({ losses, norms }: Learned<PolicyLoss>, learningRate: number): UpdateMetrics {
  const over = (read: (loss: PolicyLoss) => number) => mean(losses.map(read));
  return {
    policy_loss: over(({ policyLoss }) => policyLoss),
    ratio: over(({ stats }) => stats.ratio),
    approx_kl: over(({ stats }) => stats.approxKl),
    clip_fraction: over(({ stats }) => stats.clipFraction),
    gradient_norm: mean(norms),
    learning_rate: learningRate,
    updates: losses.length,
  };
}
