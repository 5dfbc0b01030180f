import type { Json, Metric } from '../../store/types.ts';
import type { ReportPoint, ReportRun } from '../run.ts';

/** A trained dictionary with the best numbers that the run has of it. */
export interface DictionaryPoint {
  point: ReportPoint;
  digest: string | undefined;
  /** Resolved parameters of its training. */
  params: Record<string, Json>;
  layer: number;
  variant: string;
  metrics: Record<string, Metric>;
  /** Whether `metrics` are of sae.evaluate: unseen texts; otherwise held-out rows of its training. */
  evaluated: boolean;
}

/** Every dictionary that the run trained, with the metrics of the step that evaluated it, or else of its training. */
export function dictionaryPoints(run: ReportRun): DictionaryPoint[] {
  const evaluations = new Map(
    run.accepted('sae.evaluate').flatMap((point) => {
      const digest = dictionaryDigest(point);
      return digest ? [[digest, point.record.metrics] as const] : [];
    }),
  );
  return run.accepted('sae.train').map((point) => {
    const params = asObject(point.record.params);
    const digest = dictionaryDigest(point);
    const found = digest === undefined ? undefined : evaluations.get(digest);
    return {
      point,
      digest,
      params,
      layer: Number(params.layer),
      variant: String(params.variant),
      metrics: found ?? point.record.metrics,
      evaluated: found !== undefined,
    };
  });
}

/** Of the dictionary that a point trained, or else read. */
export const dictionaryDigest = ({ record }: ReportPoint): string | undefined =>
  digestOf(record?.outputs.sae as Json | undefined) ?? digestOf(asObject(record?.params).dictionary);

/** Which texts the numbers are of. */
export const measuredOn = (points: readonly DictionaryPoint[]): string =>
  points.every(({ evaluated }) => evaluated)
    ? 'unseen texts'
    : points.some(({ evaluated }) => evaluated)
      ? 'unseen texts or, of dictionaries that were not evaluated, held-out rows'
      : 'held-out rows';

/** Groups in the order of first appearance. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const own = groups.get(key);
    if (own) own.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const asObject = (value: Json | undefined): Record<string, Json> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};

function digestOf(value: Json | undefined): string | undefined {
  const { digest } = asObject(value);
  return typeof digest === 'string' ? digest : undefined;
}
