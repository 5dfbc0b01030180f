import type { LayerDivergence } from '../../ml/divergence/types.ts';
import type { Json } from '../../store/types.ts';
import { barFigure } from '../figures/bars.ts';
import { curveFigure } from '../figures/curves.ts';
import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { labelOf, type ReportPoint, type ReportRun, readJson, readTable } from '../run.ts';
import type { Block, Section } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { seedsTable } from './seeds.ts';
import { tableBlocks } from './tables.ts';

const TUNING = ['rlhf.ppo', 'rlhf.grpo', 'rlhf.rloo', 'rlhf.dpo', 'reward.train'];

/** Whether tuning worked at all, and where it changed the model: without that there is nothing to explain. */
export function fineTuneSection(run: ReportRun): Section | undefined {
  const blocks: Block[] = [
    ...rewardBlocks(run),
    ...seedsBlocks(run),
    ...alarmBlocks(run),
    ...curveBlocks(run),
    ...divergenceBlocks(run),
    ...tableBlocks(run, 'model.evaluate'),
    ...tableBlocks(run, 'reward.train', 'calibration'),
  ];
  for (const kind of ['model.evaluate', ...TUNING, 'lm.train', 'model.divergence']) {
    const table = metricsTable(run, kind);
    if (table) blocks.push({ type: 'table', table, closed: true });
  }
  if (blocks.length === 0) return undefined;
  return {
    id: 'fine-tuning',
    title: 'Fine-tuning',
    question:
      'Did the model learn to please the feedback, on prompts that tuning never saw, and which layers changed?',
    blocks,
  };
}

function rewardBlocks(run: ReportRun): Block[] {
  const points = run.accepted('model.evaluate');
  const rows = points.flatMap((point): IntervalRow[] => {
    const group = points.length > 1 ? labelOf(point) : '';
    return (['reward_before', 'reward_after'] as const).flatMap((name): IntervalRow[] => {
      const metric = run.metric(point, name);
      const after = name === 'reward_after';
      if (!metric) return [];
      return [
        {
          label: after ? 'after tuning' : 'before tuning',
          role: after ? 'claim' : 'control',
          value: metric.value,
          low: metric.ci_low ?? null,
          high: metric.ci_high ?? null,
          group,
        },
      ];
    });
  });
  if (rows.length === 0) return [];
  const n = run.metric(points[0] as ReportPoint, 'reward_after')?.n;
  return [
    {
      type: 'figure',
      id: 'reward',
      from: points,
      title: 'Reward on held-out prompts',
      caption: `Mean reward of sampled completions${n ? ` of ${n} prompts that tuning never saw` : ''}; bars are 95 % bootstrap intervals over prompts.`,
      spec: intervalFigure(rows, { title: 'mean reward' }),
    },
  ];
}

function seedsBlocks(run: ReportRun): Block[] {
  const table = seedsTable(run, ['model.evaluate', ...TUNING], 'tuning-over-seeds');
  return table ? [{ type: 'table', table, fold: 12 }] : [];
}

/** What the alarms of a tuning saw must not be missed: a reward that rose while the replies collapsed is no success. */
function alarmBlocks(run: ReportRun): Block[] {
  return TUNING.flatMap((kind) =>
    run.accepted(kind).flatMap((point): Block[] => {
      const count = run.metric(point, 'alarms')?.value ?? 0;
      if (count === 0) return [];
      const seen = readTable(point, 'alarms')?.rows.map(({ message }) => String(message ?? '')) ?? [];
      return [
        {
          type: 'note',
          tone: 'caution',
          body: `${point.step} ${labelOf(point)}: ${count} ${count === 1 ? 'alarm' : 'alarms'}. ${seen.slice(0, 3).join(' ')}`,
        },
      ];
    }),
  );
}

/** What a history may hold, in order: rows of panels, of which those without numbers are left out. */
const FIGURES = [
  {
    id: 'tuning-curves',
    title: 'Tuning, step by step',
    panels: [
      { field: 'reward', title: 'mean reward of the batch' },
      { field: 'kl', title: 'KL to the start, nats a completion' },
      { field: 'entropy', title: 'entropy, nats' },
      { field: 'loss', title: 'loss' },
      { field: 'accuracy', title: 'pairs in the right order' },
      { field: 'margin', title: 'margin of the rewards' },
    ],
  },
  {
    id: 'tuning-health',
    title: 'Whether the tuning was healthy',
    panels: [
      { field: 'length', title: 'tokens a completion' },
      { field: 'distinct_2', title: 'distinct pairs of tokens' },
      { field: 'clip_fraction', title: 'share of clipped tokens' },
      { field: 'value_loss', title: 'value loss' },
      { field: 'explained_variance', title: 'explained variance' },
      { field: 'gradient_norm', title: 'norm of the gradient' },
    ],
  },
];
function curveBlocks(run: ReportRun): Block[] {
  return TUNING.flatMap((kind) => {
    const points = run.accepted(kind);
    const rows = points.flatMap((point) =>
      (readTable(point, 'history')?.rows ?? []).map(
        (row): Record<string, Json> => ({ ...row, run: labelOf(point) }),
      ),
    );
    return FIGURES.flatMap(({ id, title, panels }): Block[] => {
      const present = panels.filter(({ field }) => rows.some((row) => typeof row[field] === 'number'));
      if (present.length === 0) return [];
      return [
        {
          type: 'figure',
          id: `${id}-${kind.split('.').at(-1)}`,
          from: points,
          title: `${title}: ${kind}`,
          caption: 'On what tuning used, not on held-out data. KL is estimated from the sampled tokens.',
          spec: curveFigure({
            rows,
            x: { field: 'step', title: 'step' },
            panels: present,
            ...(points.length > 1 ? { series: 'run' } : {}),
          }),
        },
      ];
    });
  });
}

/** The part of divergence.json that is drawn. */
interface DivergenceFile {
  layers: LayerDivergence[];
  selected: number[];
}

function divergenceBlocks(run: ReportRun): Block[] {
  const points = run.accepted('model.divergence');
  const measures = [
    { key: 'frobenius', label: 'as published: sum of norms of the change' },
    { key: 'relative', label: 'relative to the size of each tensor' },
  ] as const;
  const rows = points.flatMap((point) => {
    const file = readJson<DivergenceFile>(point, 'divergence', 'divergence.json');
    return (file?.layers ?? []).flatMap((layer) =>
      measures.map(({ key, label }) => ({
        layer: layer.layer,
        measure: label,
        value: layer[key],
        selected: file?.selected.includes(layer.layer) ?? false,
      })),
    );
  });
  if (rows.length === 0) return [];
  return [
    {
      type: 'figure',
      id: 'divergence',
      from: points,
      title: 'How far each layer moved',
      caption: 'Change of the parameters of each block by tuning. The layers studied below are blue.',
      spec: barFigure({
        rows,
        x: { field: 'layer', title: 'layer' },
        y: { field: 'value', title: 'divergence' },
        facet: 'measure',
        highlight: 'selected',
      }),
    },
  ];
}
