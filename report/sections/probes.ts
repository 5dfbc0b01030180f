import type { Json } from '../../store/types.ts';
import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { scatterFigure } from '../figures/scatter.ts';
import { labelOf, type ReportPoint, type ReportRun, readTable } from '../run.ts';
import type { Block, Section, TableBlock } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

/** The headline of the readout, claim first, each beside what it must beat. */
const ROWS: { metric: string; label: string; role: IntervalRow['role'] }[] = [
  { metric: 'tau_tuned', label: 'tuned model', role: 'claim' },
  { metric: 'tau_base', label: 'control: model before tuning', role: 'control' },
  { metric: 'tau_random', label: 'control: randomly initialised model', role: 'control' },
  { metric: 'tau_shuffled', label: 'control: shuffled feedback', role: 'control' },
  { metric: 'tau_raw_tuned', label: 'tuned model, raw activations', role: 'control' },
  { metric: 'tau_raw_base', label: 'before tuning, raw activations', role: 'control' },
  { metric: 'tau_layer_0_tuned', label: 'control: what enters layer 0', role: 'control' },
  { metric: 'tau_untrained_tuned', label: 'control: untrained probe', role: 'control' },
  { metric: 'lfp_gap', label: 'LFP gap: tuned minus before tuning', role: 'claim' },
];

/** Whether the feedback can be read from the activations, and whether that is due to tuning. */
export function probesSection(run: ReportRun): Section | undefined {
  const points = run.accepted('probe.evaluate');
  if (points.length + run.accepted('probe.preferences').length === 0) return undefined;
  const blocks: Block[] = [];
  const rows = points.flatMap((point) =>
    ROWS.flatMap(({ metric: name, label, role }): IntervalRow[] => {
      const metric = run.metric(point, name);
      if (!metric) return [];
      return [
        {
          label,
          role,
          value: metric.value,
          low: metric.ci_low ?? null,
          high: metric.ci_high ?? null,
          group: points.length > 1 ? labelOf(point) : '',
        },
      ];
    }),
  );
  if (rows.length > 0) {
    blocks.push({
      type: 'figure',
      id: 'readout',
      from: points,
      title: 'Feedback read from the activations of held-out words',
      caption:
        'Kendall’s τ-b between what the probe predicts for a word and the feedback that the word was given, over words that the probe never saw; bars are 95 % bootstrap intervals clustered by word. That a probe reads the feedback shows only that the words differ; that tuning put it there takes a gap to the model before tuning.',
      spec: intervalFigure(rows, { title: 'Kendall’s τ-b', reference: 0 }),
    });
  }
  blocks.push(...scatterBlocks(points));
  blocks.push(...tableBlocks(run, 'probe.evaluate', 'gaps'), ...tableBlocks(run, 'probe.evaluate'));
  blocks.push(...tableBlocks(run, 'probe.evaluate', 'measures', { closed: true }));
  const reliability = tableBlocks(run, 'probe.evaluate', 'reliability', { closed: true });
  blocks.push(...reliability.flatMap(reliabilityFigure));
  blocks.push(...reliability.filter(({ table }) => table.rows.length > 0));
  blocks.push(
    ...tableBlocks(run, 'probe.preferences'),
    ...tableBlocks(run, 'probe.preferences', 'published'),
  );
  blocks.push(...tableBlocks(run, 'triples.build', 'checks', { closed: true }));
  for (const kind of ['probe.evaluate', 'probe.preferences', 'triples.build']) {
    const table = metricsTable(run, kind);
    if (table) blocks.push({ type: 'table', table, closed: true });
  }
  return {
    id: 'probes',
    title: 'Probes',
    question:
      'Can the feedback be read back from the activations, better than from the same model before tuning?',
    blocks,
  };
}

/** Predictions against the feedback, word by word, one panel a model. */
function scatterBlocks(points: readonly ReportPoint[]): Block[] {
  const rows: Record<string, Json>[] = points.flatMap((point) => readTable(point, 'predictions')?.rows ?? []);
  if (rows.length === 0) return [];
  return [
    {
      type: 'figure',
      id: 'predictions',
      from: points,
      title: 'What the probe predicts, word by word',
      caption:
        'Each dot is a held-out word: the feedback that it was given, and the mean of the predictions at its occurrences.',
      spec: scatterFigure({
        rows,
        x: { field: 'value', title: 'feedback given' },
        y: { field: 'prediction', title: 'probe’s prediction' },
        facet: 'model',
      }),
    },
  ];
}

/** The share of positive words against what the classifiers predicted, of the tuned model's dictionary features if there are any. */
function reliabilityFigure({ table: { id, rows }, from }: TableBlock): Block[] {
  const tuned = rows.filter((row) => row.model === 'tuned');
  const features = tuned.filter((row) => row.inputs === 'SAE features');
  const shown = features.length > 0 ? features : tuned;
  if (shown.length === 0) return [];
  return [
    {
      type: 'figure',
      id,
      ...(from ? { from } : {}),
      title: 'Whether the classifiers’ probabilities can be taken at their word',
      caption:
        'Each dot is a tenth of the range of predicted probability: the mean prediction in it, and the share of occurrences of held-out words that are positive. On the diagonal the two agree.',
      spec: scatterFigure({
        rows: shown,
        x: { field: 'predicted', title: 'predicted probability' },
        y: { field: 'observed', title: 'share that is positive' },
        colour: { field: 'probability' },
        facet: 'method',
      }),
    },
  ];
}
