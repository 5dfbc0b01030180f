import { KINDS } from '../../compiler/kinds/registry.ts';
import { meanInterval } from '../../ml/stats/mean-interval.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { axesOf, type ReportPoint, type ReportRun } from '../run.ts';

/**
 * Numbers of points that differ in nothing but their seed: the mean over seeds and its interval, which tells how much
 * another training run would differ. Undefined with one seed.
 */
export function seedsTable(run: ReportRun, kinds: readonly string[], id: string): Table | undefined {
  const rows = kinds.flatMap((kind) =>
    [...groups(run.accepted(kind)).values()]
      .filter((points) => points.length > 1)
      .flatMap((points) => rowsOf(points, KINDS.get(kind)?.metrics ?? {})),
  );
  if (rows.length === 0) return undefined;
  return {
    id,
    title: 'Over seeds',
    caption: 'Mean over the seeds and its 95 % interval by the t distribution: the seeds are the sample.',
    columns: [
      { key: 'point', label: 'point' },
      { key: 'metric', label: 'measure', measureOf: 'kind' },
      {
        key: 'value',
        label: 'mean over seeds',
        format: 'number',
        interval: ['low', 'high'],
        trace: { point: 'id', definition: 'definition', n: 'n', of: 'of', seed: 'seed' },
      },
      { key: 'n', label: 'seeds', format: 'integer' },
      { key: 'each', label: 'each' },
    ],
    rows,
  };
}

type Accepted = ReturnType<ReportRun['accepted']>[number];

function groups(points: readonly Accepted[]): Map<string, Accepted[]> {
  const found = new Map<string, Accepted[]>();
  for (const point of points) {
    if (point.seed === null) continue;
    const name = nameOf(point);
    found.set(name, [...(found.get(name) ?? []), point]);
  }
  return found;
}

/** The step and its axes, without the seed. */
const nameOf = (point: ReportPoint): string => [point.step, ...axesOf(point)].join(' ');

function rowsOf(points: readonly Accepted[], definitions: Record<string, string>): Record<string, Json>[] {
  const names = Object.keys(points[0]?.record.metrics ?? {});
  return names.flatMap((metric) => {
    const values = points.flatMap(({ record }) => record.metrics[metric]?.value ?? []);
    if (values.length < 2) return [];
    const { value, ci_low, ci_high, n } = meanInterval(values, 'seed');
    return [
      {
        point: nameOf(points[0] as Accepted),
        metric,
        value,
        low: ci_low ?? null,
        high: ci_high ?? null,
        n: n ?? values.length,
        each: values.map((each) => each.toPrecision(3)).join(', '),
        definition: definitions[metric] ?? '',
        kind: points[0]?.kind ?? '',
        id: points[0]?.id ?? '',
        of: 'seeds',
        seed: points.map(({ seed }) => seed).join(', '),
      },
    ];
  });
}
