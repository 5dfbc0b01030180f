import type { Json } from '../../store/types.ts';
import { curveFigure } from '../figures/curves.ts';
import { labelOf, type ReportPoint, type ReportRun, readTable } from '../run.ts';
import type { Block } from '../types.ts';

/** What a history of sae.train may hold, in order; panels without numbers are left out. */
const PANELS = [
  { field: 'loss', title: 'loss' },
  { field: 'reconstruction', title: 'squared error' },
  { field: 'fvu', title: 'FVU of the batch' },
  { field: 'l0', title: 'L0 of the batch' },
  { field: 'sparsity', title: 'sparsity loss' },
  { field: 'dead', title: 'dead features' },
];
/** More lines than this nobody tells apart: one figure each for every step and variant, of so many points. */
const MOST_LINES = 12;

/** Training of dictionaries, step by step, those of one variant in one figure. */
export function trainingBlocks(run: ReportRun): Block[] {
  const points = run.accepted('sae.train');
  const variants = new Set(points.map(({ record }) => variantOf(record.params)));
  return [...variants].flatMap((variant): Block[] => {
    const members = points.filter(({ record }) => variantOf(record.params) === variant);
    const shown = members.slice(0, MOST_LINES);
    const rows = shown.flatMap((point) =>
      (readTable(point, 'history')?.rows ?? []).map(
        (row): Record<string, Json> => ({ ...row, run: labelWithin(point) }),
      ),
    );
    const panels = PANELS.filter(({ field }) => rows.some((row) => typeof row[field] === 'number'));
    if (panels.length === 0) return [];
    return [
      {
        type: 'figure',
        id: `dictionary-training-${variant}`,
        from: shown,
        title: `Training of dictionaries: ${variant}`,
        caption: `On the batches that they were trained on, not on held-out data.${members.length > shown.length ? ` The first ${shown.length} of ${members.length}.` : ''}`,
        spec: curveFigure({
          rows,
          x: { field: 'step', title: 'step' },
          panels,
          ...(shown.length > 1 ? { series: 'run' } : {}),
        }),
      },
    ];
  });
}

/** What tells points of one variant apart. */
const labelWithin = (point: ReportPoint): string =>
  labelOf(point)
    .replace(/(^| )variant=\S+/, '')
    .trim() || labelOf(point);

const variantOf = (params: Json): string =>
  params !== null && typeof params === 'object' && !Array.isArray(params) ? String(params.variant) : '';
