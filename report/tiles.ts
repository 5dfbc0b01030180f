import type { Metric } from '../store/types.ts';
import { formatMetric, formatNumber } from './format.ts';
import type { ReportPoint, ReportRun } from './run.ts';

export interface Tile {
  label: string;
  value: string;
  detail: string;
  /** The point whose number it is. */
  from: ReportPoint;
}

/** The numbers that a reader looks for first, each with its control. */
export function tiles(run: ReportRun): Tile[] {
  const made: Tile[] = [];
  const evaluation = run.accepted('model.evaluate')[0];
  const before = evaluation && run.metric(evaluation, 'reward_before');
  const after = evaluation && run.metric(evaluation, 'reward_after');
  if (before && after)
    made.push({
      label: 'Reward after tuning',
      value: formatNumber(after.value),
      detail: `${intervalOf(after)}before ${formatMetric(before)}`,
      from: evaluation,
    });
  const readout = run.accepted('probe.evaluate')[0];
  const tuned = readout && run.metric(readout, 'tau_tuned');
  const base = readout && run.metric(readout, 'tau_base');
  if (tuned && base)
    made.push({
      label: 'Feedback read from tuned features',
      value: `τ ${formatNumber(tuned.value)}`,
      detail: `${intervalOf(tuned)}untuned model τ ${formatMetric(base)}`,
      from: readout,
    });
  const gap = readout && run.metric(readout, 'lfp_gap');
  if (gap)
    made.push({
      label: 'LFP gap: because of tuning',
      value: `Δτ ${formatNumber(gap.value)}`,
      detail: `${intervalOf(gap)}tuned minus untuned`,
      from: readout,
    });
  const ablation = run.accepted('features.ablate')[0];
  const effect = ablation && run.metric(ablation, 'effect');
  const matched = ablation && run.metric(ablation, 'effect_matched');
  if (effect && matched)
    made.push({
      label: 'Reward when features are removed',
      value: `${effect.value > 0 ? '+' : ''}${formatNumber(effect.value)}`,
      detail: `${intervalOf(effect)}features of like density ${formatMetric(matched)}`,
      from: ablation,
    });
  return made;
}

/** `[0.334, 0.439], `, to go before what it is compared with. */
function intervalOf(metric: Metric): string {
  const interval = /\[.*\]/.exec(formatMetric(metric))?.[0];
  return interval ? `${interval}; ` : '';
}
