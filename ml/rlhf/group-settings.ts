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
 * Chosen as PPO's `corrected` protocol was: on a small model of movie reviews the reward rises from 0.1 to 0.8 (GRPO) and 1.0
 * (RLOO, which does one pass) within 24 steps, at a KL of 7 to 9 nats a completion. Groups of 4, between TRL's 8 for GRPO and 2
 * for RLOO.
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
