import { DPO_METRICS, type DpoMetrics } from '../../ml/preferences/dpo-metrics.ts';
import type { DpoSettings } from '../../ml/preferences/dpo-settings.ts';
import type { HeldOutMetric } from '../../ml/preferences/held-out-metrics.ts';
import type { TokenisedPairs } from '../../ml/preferences/token-pairs.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import type { RlhfDpoParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';

export function historyTable(
  history: readonly DpoMetrics[],
  { loss, beta, divergence }: RlhfDpoParameters,
): Table {
  const regulariser = divergence === 'reverse-kl' ? '' : `, ${divergence} divergence`;
  return {
    id: 'dpo-history',
    title: 'DPO, step by step',
    caption: `One row a step, measured on the pairs of the step before its update. Loss: ${loss}, beta ${beta}${regulariser}.`,
    columns: [
      { key: 'step', label: 'step', format: 'integer' },
      ...Object.entries(DPO_METRICS).map(([key, definition]) => ({
        key,
        label: key.replaceAll('_', ' '),
        definition,
        format: 'number' as const,
      })),
    ],
    rows: history.map((row, i) => ({ step: i + 1, ...row })),
  };
}

type HeldOut = Record<HeldOutMetric, Estimate>;

export interface SummaryParts {
  history: readonly DpoMetrics[];
  settings: DpoSettings;
  tokenised: TokenisedPairs;
  before: HeldOut | null;
  after: HeldOut | null;
}

/** Means over the first and the last tenth of the steps, and what was measured on held-out pairs. */
export function summary({
  history,
  settings,
  tokenised,
  before,
  after,
}: SummaryParts): Record<string, Metric> {
  const { batch } = settings;
  const tenth = Math.max(1, Math.round(history.length / 10));
  const over = (rows: readonly DpoMetrics[], key: keyof DpoMetrics): Metric => ({
    value: rows.reduce((sum, row) => sum + row[key], 0) / rows.length,
    n: rows.length * batch,
    n_unit: 'pair',
  });
  const last = history.slice(-tenth);
  const pairs = tokenised.pairs.length;
  return {
    initial_log_ratio: { value: history[0]?.largest_log_ratio ?? 0, n: 2 * batch, n_unit: 'completion' },
    loss_start: over(history.slice(0, tenth), 'loss'),
    loss_end: over(last, 'loss'),
    accuracy_end: over(last, 'accuracy'),
    margin_end: over(last, 'margin'),
    reward_chosen_end: over(last, 'reward_chosen'),
    reward_rejected_end: over(last, 'reward_rejected'),
    pairs: { value: pairs },
    passes: { value: (history.length * batch) / pairs },
    cut_prompts: { value: tokenised.cutPrompts },
    cut_completions: { value: tokenised.cutCompletions },
    same: { value: tokenised.same },
    ...named(before, 'before'),
    ...named(after, 'after'),
  };
}

const named = (metrics: HeldOut | null, when: 'before' | 'after') =>
  Object.fromEntries(
    Object.entries(metrics ?? {}).map(([name, metric]) => [`held_out_${name}_${when}`, metric]),
  );
