import type { States } from '../compiler/plan/types.ts';
import type { Metric } from '../store/types.ts';
import { formatInteger, formatMetric, formatNumber } from './format.ts';
import type { Page } from './page.ts';
import type { ReportRun } from './run.ts';
import { dictionariesSection } from './sections/dictionaries.ts';
import { failuresSection } from './sections/failures.ts';
import { featuresSection } from './sections/features.ts';
import { fineTuneSection } from './sections/fine-tune.ts';
import { probesSection } from './sections/probes.ts';
import { provenanceSection } from './sections/provenance.ts';
import { recoverySection } from './sections/recovery.ts';
import { searchesSection } from './sections/searches.ts';
import type { Section } from './types.ts';
import { verdicts } from './verdicts.ts';

/** The page of a run. Pure: equal runs give equal pages. */
export function buildPage(run: ReportRun, states: States, title: string): Page {
  const { plan } = run;
  const failed = run.failed().length;
  const seeds = plan.seeds.length === 1 ? `seed ${plan.seeds[0]}` : `${plan.seeds.length} seeds`;
  return {
    title,
    question: plan.description,
    summary: `${run.runId} · ${seeds} · ${formatInteger(run.points.length)} points${failed > 0 ? `, ${failed} failed` : ''}`,
    tiles: tiles(run),
    verdicts: verdicts(plan, states),
    notes: notes(run, failed),
    sections: [
      failuresSection,
      fineTuneSection,
      dictionariesSection,
      searchesSection,
      probesSection,
      recoverySection,
      featuresSection,
      provenanceSection,
    ]
      .map((section) => section(run))
      .filter((section): section is Section => section !== undefined),
  };
}

function notes(run: ReportRun, failed: number): string[] {
  return [
    ...(failed > 0
      ? [
          `${failed} ${failed === 1 ? 'point' : 'points'} failed: what would have been shown is missing below, and verdicts that need it are not established.`,
        ]
      : []),
    ...(run.plan.seeds.length === 1
      ? [
          'One seed: intervals tell how much the measurement varies, not how much another training run would differ.',
        ]
      : []),
  ];
}

/** The numbers that a reader looks for first, each with its control. */
function tiles(run: ReportRun): Page['tiles'] {
  const made: Page['tiles'] = [];
  const evaluation = run.accepted('model.evaluate')[0];
  const before = evaluation && run.metric(evaluation, 'reward_before');
  const after = evaluation && run.metric(evaluation, 'reward_after');
  if (before && after)
    made.push({
      label: 'Reward after tuning',
      value: formatNumber(after.value),
      detail: `${intervalOf(after)}before ${formatMetric(before)}`,
    });
  const readout = run.accepted('probe.evaluate')[0];
  const tuned = readout && run.metric(readout, 'tau_tuned');
  const base = readout && run.metric(readout, 'tau_base');
  if (tuned && base)
    made.push({
      label: 'Feedback read from tuned features',
      value: `τ ${formatNumber(tuned.value)}`,
      detail: `${intervalOf(tuned)}untuned model τ ${formatMetric(base)}`,
    });
  const gap = readout && run.metric(readout, 'lfp_gap');
  if (gap)
    made.push({
      label: 'LFP gap: because of tuning',
      value: `Δτ ${formatNumber(gap.value)}`,
      detail: `${intervalOf(gap)}tuned minus untuned`,
    });
  const ablation = run.accepted('features.ablate')[0];
  const effect = ablation && run.metric(ablation, 'effect');
  const matched = ablation && run.metric(ablation, 'effect_matched');
  if (effect && matched)
    made.push({
      label: 'Reward when features are removed',
      value: `${effect.value > 0 ? '+' : ''}${formatNumber(effect.value)}`,
      detail: `${intervalOf(effect)}features of like density ${formatMetric(matched)}`,
    });
  return made;
}

/** `[0.334, 0.439], `, to go before what it is compared with. */
function intervalOf(metric: Metric): string {
  const interval = /\[.*\]/.exec(formatMetric(metric))?.[0];
  return interval ? `${interval}; ` : '';
}
