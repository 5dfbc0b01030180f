import type { Batch } from './mini-batch.ts';
import { mean, variance } from './moments.ts';
import type { Learned } from './policy-updates.ts';
import type { PpoLoss } from './ppo-loss.ts';
import { realEntries } from './response-grid.ts';
import { ROLLOUT_METRICS } from './rollout-metrics.ts';
import { UPDATE_METRICS } from './update-metrics.ts';

/** What is recorded of each step, and what it means. Token means are over all response tokens of the batch. */
export const PPO_METRICS = {
  ...ROLLOUT_METRICS,
  score:
    'Mean reward after scaling, clipping and the penalty for a missing end: what the last token of a completion is given.',
  kl_penalised: 'Sum of the KL terms that are penalised, in the form of `kl.penalty`, mean over completions.',
  kl_coefficient: 'Weight of the KL penalty in this step.',
  ...UPDATE_METRICS,
  dual_clip_fraction: 'Share of tokens whose policy loss the dual clip held, mean over updates.',
  value_loss: 'Clipped value loss, mean over updates, before its coefficient.',
  explained_variance: '1 − variance(return − value) / variance(return), with the values of the rollout.',
  value_clip_fraction: 'Share of tokens whose value loss was clipped, mean over updates.',
} as const;

export type PpoMetrics = Record<keyof typeof PPO_METRICS, number>;

type OfValues = 'dual_clip_fraction' | 'value_loss' | 'explained_variance' | 'value_clip_fraction';

/** The part of a step's metrics that only PPO has. */
export function valueMetrics(
  { records, returns }: Batch,
  { losses }: Learned<PpoLoss>,
): Pick<PpoMetrics, OfValues> {
  const over = (read: (loss: PpoLoss) => number) => mean(losses.map(read));
  const goals = realEntries(returns, records.lengths);
  const errors = goals.map((goal, n) => goal - (records.values[n] as number));
  const spread = variance(goals);
  return {
    dual_clip_fraction: over(({ stats }) => stats.dualClipFraction),
    value_loss: over(({ valueLoss }) => valueLoss),
    explained_variance: spread > 0 ? 1 - variance(errors) / spread : 0,
    value_clip_fraction: over(({ stats }) => stats.valueClipFraction),
  };
}
