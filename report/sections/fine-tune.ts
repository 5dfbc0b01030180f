import type { LayerDivergence } from '../../ml/divergence/types.ts';
import type { Json } from '../../store/types.ts';
import { barFigure } from '../figures/bars.ts';
import { curveFigure } from '../figures/curves.ts';
import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { labelOf, type ReportPoint, type ReportRun, readJson, readTable } from '../run.ts';
import type { Block, Section } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

const TUNING = ['rlhf.ppo'];

/** Whether tuning worked at all, and where it changed the model: without that there is nothing to explain. */
export function fineTuneSection(run: ReportRun): Section | undefined {
  const blocks: Block[] = [
    ...rewardBlocks(run),
    ...curveBlocks(run),
    ...divergenceBlocks(run),
    ...tableBlocks(run, 'model.evaluate'),
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
      title: 'Reward on held-out prompts',
      caption: `Mean reward of sampled completions${n ? ` of ${n} prompts that tuning never saw` : ''}; bars are 95 % bootstrap intervals over prompts.`,
      spec: intervalFigure(rows, { title: 'mean reward' }),
    },
  ];
}

/** Panels that a history may have, in order; those without numbers are left out. */
const PANELS = [
  { field: 'reward', title: 'mean reward of the batch' },
  { field: 'kl', title: 'KL to the start, nats a completion' },
  { field: 'entropy', title: 'entropy, nats' },
];

function curveBlocks(run: ReportRun): Block[] {
  const points = TUNING.flatMap((kind) => run.accepted(kind));
  const rows = points.flatMap((point) =>
    (readTable(point, 'history')?.rows ?? []).map(
      (row): Record<string, Json> => ({ ...row, run: labelOf(point) }),
    ),
  );
  const panels = PANELS.filter(({ field }) => rows.some((row) => typeof row[field] === 'number'));
  if (rows.length === 0 || panels.length === 0) return [];
  return [
    {
      type: 'figure',
      id: 'tuning-curves',
      title: 'Tuning, step by step',
      caption: 'On the prompts that tuning used. KL is estimated from the sampled tokens.',
      spec: curveFigure({
        rows,
        x: { field: 'step', title: 'step' },
        panels,
        ...(points.length > 1 ? { series: 'run' } : {}),
      }),
    },
  ];
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
