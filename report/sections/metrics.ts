import { KINDS } from '../../compiler/kinds/registry.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { labelOf, type ReportPoint, type ReportRun } from '../run.ts';

/** Every number of one kind's points with its interval, n and definition: nothing that was measured is left out. */
export function metricsTable(run: ReportRun, kind: string): Table | undefined {
  const points = run.accepted(kind);
  const definitions = KINDS.get(kind)?.metrics ?? {};
  const rows = points.flatMap((point) => rowsOf(point, definitions, points.length > 1));
  if (rows.length === 0) return undefined;
  return {
    id: `metrics-${kind.replace('.', '-')}`,
    title: `All numbers of ${kind}`,
    caption: KINDS.get(kind)?.title ?? kind,
    columns: [
      ...(points.length > 1 ? [{ key: 'point', label: 'point' }] : []),
      { key: 'metric', label: 'measure', measureOf: 'kind' },
      {
        key: 'value',
        label: 'value',
        format: 'number',
        interval: ['low', 'high'],
        trace: { point: 'id', definition: 'definition', n: 'n', of: 'of', seed: 'seed', key: 'result' },
      },
      { key: 'n', label: 'n', format: 'integer' },
      { key: 'of', label: 'of' },
    ],
    rows,
  };
}

function rowsOf(
  point: ReportPoint,
  definitions: Record<string, string>,
  several: boolean,
): Record<string, Json>[] {
  const metrics = point.record?.metrics ?? {};
  return Object.entries(metrics).map(([name, metric]) => ({
    ...(several ? { point: `${point.step} ${labelOf(point)}` } : {}),
    metric: name,
    value: metric.value,
    low: metric.ci_low ?? null,
    high: metric.ci_high ?? null,
    n: metric.n ?? null,
    of: metric.n_unit ?? '',
    definition: definitions[name] ?? '',
    kind: point.kind,
    id: point.id,
    seed: point.seed,
    result: point.record?.key ?? '',
  }));
}
