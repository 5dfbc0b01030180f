import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { labelOf, type ReportRun } from '../run.ts';
import type { Block, Section } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

const ROWS: { metric: string; label: string; role: IntervalRow['role'] }[] = [
  { metric: 'auc_gap', label: 'corrected: tuned minus before tuning', role: 'claim' },
  { metric: 'auc_tuned', label: 'corrected: tuned', role: 'claim' },
  { metric: 'auc_base', label: 'control: before tuning', role: 'control' },
  { metric: 'auc_random', label: 'control: randomly initialised', role: 'control' },
  { metric: 'auc_faithful_tuned', label: 'as published: tuned', role: 'control' },
  { metric: 'auc_faithful_base', label: 'as published: before tuning', role: 'control' },
];

/** Of a planted truth: whether it was found, and what is claimed where there is nothing. */
export function recoverySection(run: ReportRun): Section | undefined {
  const points = run.accepted('probe.recovery');
  if (points.length === 0) return undefined;
  const rows = points.flatMap((point) =>
    ROWS.flatMap(({ metric: name, label, role }): IntervalRow[] => {
      const metric = run.metric(point, name);
      if (!metric) return [];
      const group = points.length > 1 ? labelOf(point) : '';
      return [
        { label, role, group, value: metric.value, low: metric.ci_low ?? null, high: metric.ci_high ?? null },
      ];
    }),
  );
  const blocks: Block[] = [];
  if (rows.length > 0) {
    blocks.push({
      type: 'figure',
      id: 'recovery',
      from: points,
      title: 'Telling rewarded words from others of the list',
      caption:
        'AUC over pairs of a rewarded and another word: the share in which the probe’s score of the rewarded word is higher; 0.5 is chance. Bars are bootstrap intervals over word families.',
      spec: intervalFigure(rows, { title: 'AUC', reference: 0.5 }),
    });
  }
  blocks.push(...tableBlocks(run, 'probe.recovery'), ...tableBlocks(run, 'probe.recovery', 'seeds'));
  blocks.push(...tableBlocks(run, 'probe.recovery', 'words', { fold: 12 }));
  const table = metricsTable(run, 'probe.recovery');
  if (table) blocks.push({ type: 'table', table, closed: true });
  return {
    id: 'recovery',
    title: 'A planted truth',
    question:
      'Told the whole word list, do the probes find the words that were really rewarded, and how often do they claim something where nothing is?',
    blocks,
  };
}
