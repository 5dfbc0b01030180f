import type { Json } from '../../store/types.ts';
import { scatterFigure } from '../figures/scatter.ts';
import { labelOf, type ReportPoint, type ReportRun } from '../run.ts';
import type { Block, Section } from '../types.ts';
import { comparisonBlocks } from './dictionary-comparison.ts';
import { densityBlocks } from './dictionary-density.ts';
import { type DictionaryPoint, dictionaryDigest, dictionaryPoints } from './dictionary-points.ts';
import { sweepBlocks } from './dictionary-sweeps.ts';
import { trainingBlocks } from './dictionary-training.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

/** How well the dictionaries stand for what the layers write. */
export function dictionariesSection(run: ReportRun): Section | undefined {
  const evaluated = run.accepted('sae.evaluate');
  const trained = run.accepted('sae.train');
  if (trained.length + evaluated.length + run.accepted('sae.compare').length === 0) return undefined;
  const blocks: Block[] = [];
  const points = evaluated.length > 0 ? evaluated : trained;
  const trainings = new Map(dictionaryPoints(run).map((trained) => [trained.digest, trained]));
  const rows = points.flatMap((point) => frontierRow(run, point, trainings));
  if (rows.length > 0) {
    blocks.push({
      type: 'figure',
      id: 'sparsity-reconstruction',
      from: points,
      title: 'Sparsity against reconstruction',
      caption: `Each dot is one dictionary: mean number of active features a position (L0), and the share of variance it leaves unexplained (FVU; 0 is perfect, 1 is as good as the mean), on ${
        evaluated.length > 0 ? 'held-out texts' : 'held-out rows'
      }. Lower left is better.`,
      spec: scatterFigure({
        rows,
        x: { field: 'l0', title: 'L0: active features a position' },
        y: { field: 'fvu', title: 'FVU' },
        colour: { field: 'variant', title: 'variant' },
        ...(rows.length > MOST_WRITTEN ? { shape: { field: 'layer', title: 'layer' } } : { text: 'layer' }),
      }),
    });
  }
  blocks.push(...sweepBlocks(run), ...densityBlocks(run), ...comparisonBlocks(run), ...trainingBlocks(run));
  const qualities = metricsTable(run, 'sae.evaluate');
  blocks.push(...tableBlocks(run, 'sae.evaluate', 'table', { closed: true }));
  blocks.push(...tableBlocks(run, 'sae.evaluate', 'similarity', { closed: true }));
  if (qualities) blocks.push({ type: 'table', table: qualities, closed: true });
  const training = metricsTable(run, 'sae.train');
  if (training) blocks.push({ type: 'table', table: training, closed: true });
  return {
    id: 'dictionaries',
    title: 'Dictionaries',
    question:
      'How sparse and how faithful are the dictionaries of the layers that moved most? What follows about features holds only as far as these numbers allow.',
    blocks,
  };
}

/** More dots than this are told apart by their shapes: names would lie on top of each other. */
const MOST_WRITTEN = 8;

function frontierRow(
  run: ReportRun,
  point: ReportPoint,
  trainings: ReadonlyMap<string | undefined, DictionaryPoint>,
): Record<string, Json>[] {
  const l0 = run.metric(point, 'l0');
  const fvu = run.metric(point, 'fvu');
  if (!l0 || !fvu) return [];
  // What was evaluated is as its training says; of a dictionary from elsewhere only the axes tell.
  const trained = trainings.get(dictionaryDigest(point));
  const layer = trained?.layer ?? point.axes.layer;
  const variant = trained?.variant ?? point.axes.variant;
  return [
    {
      label: labelOf(point),
      l0: l0.value,
      fvu: fvu.value,
      layer: `layer ${JSON.stringify(layer ?? '')}`,
      variant: String(variant ?? point.step),
    },
  ];
}
