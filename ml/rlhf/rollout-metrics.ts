import type { Written } from './complete.ts';
import { distinct } from './distinct.ts';
import { sampledKl } from './kl-penalty.ts';
import { mean, variance } from './moments.ts';
import { toGrid } from './response-grid.ts';
import type { TokenRecords } from './rollout.ts';

/** What every algorithm records of the completions of a step. Token means are over all response tokens of the batch. */
export const ROLLOUT_METRICS = {
  reward: 'Mean reward of the completions.',
  reward_sd: 'Standard deviation of the rewards over completions.',
  kl: 'KL to the reference in nats a completion: sum of log-ratios of the sampled tokens (the estimator k1), mean over completions.',
  kl_k3:
    'The same KL by the estimator k3: sum over the sampled tokens of q/p − 1 + log p/q, with less variance and never negative.',
  entropy: 'Mean entropy of the next-token distribution, in nats.',
  length: 'Mean tokens of a completion.',
  ended: 'Share of completions that ended by themselves.',
  distinct_2:
    'Different pairs of successive words over all of them, over all completions of the step: falls towards 0 when all are alike.',
} as const;

export type RolloutMetrics = Record<keyof typeof ROLLOUT_METRICS, number>;

export function rolloutMetrics(
  written: readonly Written[],
  rewards: readonly number[],
  records: TokenRecords,
): RolloutMetrics {
  return {
    reward: mean(rewards),
    reward_sd: Math.sqrt(variance(rewards)),
    kl: mean(sequenceKl(records, 'kl')),
    kl_k3: mean(sequenceKl(records, 'k3')),
    entropy: mean(records.entropy),
    length: mean(records.lengths),
    ended: mean(written.map(({ ended }) => Number(ended))),
    distinct_2: distinct(
      written.map(({ text }) => text.completion),
      2,
    ),
  };
}

/** KL of each sequence: the sum of the estimator over its tokens. */
export function sequenceKl(
  { lengths, logProbs, referenceLogProbs }: TokenRecords,
  form: 'kl' | 'k3',
): number[] {
  const terms = logProbs.map((logProb, n) => sampledKl(form, logProb, referenceLogProbs[n] as number));
  return toGrid(terms, lengths).map((row) => row.reduce((sum, term) => sum + term, 0));
}
