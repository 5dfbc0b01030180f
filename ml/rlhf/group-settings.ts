import type { OnPolicySettings } from './on-policy.ts';

/** Settings of the algorithms that compare completions of one prompt with each other, and so need no value head. */
export interface GroupSettings extends OnPolicySettings {
  /** Completions of each prompt; divides the batch. */
  group: number;
  /** Weight of the KL to the reference; where it enters differs. */
  beta: number;
  /** How far the probability ratio may move below and above 1 before the gain is cut off. */
  clipRange: number;
  clipRangeHigh: number;
}

/**
 * Chosen as those of PPO's `corrected` protocol were, on a small model of movie reviews: with them and the betas of the
 * algorithms, 64 steps take the reward from 0.1 to 1.1 (GRPO) and 2.3 (RLOO, which does one pass), at 9 and 17 nats a
 * completion, where PPO gets to 1.3 at 12 (one seed, means of the last 16 steps). Groups of 4, between TRL's 8 for GRPO and 2 for
 * RLOO.
 */
export const GROUP_DEFAULTS = {
  batch: 64,
  miniBatch: 16,
  group: 4,
  epochs: 2,
  learningRate: 2e-4,
  warmUp: 0,
  schedule: 'constant',
  weightDecay: 0,
  maxGradientNorm: 1,
  clipRange: 0.2,
  clipRangeHigh: 0.2,
  promptTokens: [2, 9],
  completionTokens: [8, 19],
  minimumCharacters: 0,
} as const;
