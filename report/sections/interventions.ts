import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { labelOf, type ReportPoint, type ReportRun } from '../run.ts';
import type { Block } from '../types.ts';
import { tableBlocks } from './tables.ts';

/** Kinds whose blocks stand here, in the order of the report. */
export const INTERVENTION_KINDS = [
  'features.frequency',
  'features.ablate',
  'features.steer',
  'annotate.export',
  'annotate.import',
];

/** Whether the features fire for the reward, what removing them and steering along them does, and what people say of them. */
export function interventionBlocks(run: ReportRun): Block[] {
  return [
    ...tableBlocks(run, 'features.frequency'),
    ...ablationBlocks(run),
    ...steeringBlocks(run),
    ...tableBlocks(run, 'annotate.import'),
    ...tableBlocks(run, 'annotate.import', 'items', { fold: 12, closed: true }),
  ];
}

type Entry = [metric: string, label: string, role: IntervalRow['role']];

function intervalRows(
  run: ReportRun,
  points: readonly ReportPoint[],
  entries: readonly Entry[],
): IntervalRow[] {
  return points.flatMap((point) =>
    entries.flatMap(([name, label, role]): IntervalRow[] => {
      const metric = run.metric(point, name);
      if (!metric) return [];
      const group = points.length > 1 ? labelOf(point) : '';
      return [
        { label, role, value: metric.value, low: metric.ci_low ?? null, high: metric.ci_high ?? null, group },
      ];
    }),
  );
}

function ablationBlocks(run: ReportRun): Block[] {
  const points = run.accepted('features.ablate');
  const rows = intervalRows(run, points, [
    ['effect', 'related features removed', 'claim'],
    ['effect_matched', 'features of like density and activation removed', 'control'],
    ['effect_random', 'features drawn evenly removed', 'control'],
    ['effect_reconstruct', 'reconstruction only, nothing removed', 'control'],
    ['effect_base', 'the same before tuning', 'control'],
    ['effect_over_matched', 'related minus like density', 'claim'],
    ['effect_over_base', 'tuned minus before tuning', 'claim'],
  ]);
  if (rows.length === 0) return tableBlocks(run, 'features.ablate');
  const removed = points.map((point) => run.metric(point, 'features_removed')?.value ?? 0).join(', ');
  return [
    {
      type: 'figure',
      id: 'ablation',
      from: points,
      title: 'Removing features while the model writes',
      caption: `Change of mean reward against the intact model, paired by prompt and by random numbers; bars are 95 % intervals over prompts, for controls over draws as well. ${removed} features were removed; the dictionary's error stays in, except for “reconstruction only” and where the step has \`protocol: faithful\`.`,
      spec: intervalFigure(rows, { title: 'change of mean reward', reference: 0 }),
    },
    ...tableBlocks(run, 'features.ablate'),
  ];
}

function steeringBlocks(run: ReportRun): Block[] {
  const rows = intervalRows(run, run.accepted('features.steer'), [
    ['slope', 'rewarded direction', 'claim'],
    ['slope_random', 'random directions of the same norm', 'control'],
    ['slope_matched', 'other features of like density', 'control'],
    ['slope_base', 'the same before tuning', 'control'],
    ['slope_over_random', 'rewarded minus random', 'claim'],
    ['slope_over_base', 'tuned minus before tuning', 'claim'],
  ]);
  if (rows.length === 0) return tableBlocks(run, 'features.steer');
  return [
    {
      type: 'figure',
      id: 'steering',
      from: run.accepted('features.steer'),
      title: 'Steering along the rewarded direction',
      caption:
        'Rise of the mean reward a unit of dose (one norm of the activations); bars are 95 % intervals over prompts, for controls over draws as well. The table has every dose with its side effects.',
      spec: intervalFigure(rows, { title: 'change of reward a unit of dose', reference: 0 }),
    },
    ...tableBlocks(run, 'features.steer'),
  ];
}
