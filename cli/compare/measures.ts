import { differenceInterval } from '../../ml/stats/difference-interval.ts';
import type { Metric, PointRecord } from '../../store/types.ts';
import type { Side } from './side.ts';

/** What two runs measured at one point, by the name of the measure. */
export interface ComparedMeasure {
  step: string;
  point: string;
  name: string;
  before: Metric | null;
  after: Metric | null;
  /** after - before. */
  difference: Difference | null;
  /** Both runs took the same result from the store. */
  same: boolean;
}

export interface Difference {
  value: number;
  /** For independent runs (ml/stats/difference-interval.ts); absent unless both have an interval of one level. */
  ci_low?: number;
  ci_high?: number;
  level?: number;
  /** Whether the interval leaves out 0; null without one. */
  apart: boolean | null;
}

export interface ComparedMeasures {
  measures: ComparedMeasure[];
  /** Points with a result in one of the two runs only. */
  only: { before: string[]; after: string[] };
}

/** Points with the same id stand beside each other, in the order of the later plan. */
export function compareMeasures(before: Side, after: Side): ComparedMeasures {
  const found = (side: Side) =>
    new Map(side.points.flatMap(({ id, record }) => (record ? [[id, record] as const] : [])));
  const [old, now] = [found(before), found(after)];
  const both = after.points.filter(({ id }) => old.has(id) && now.has(id));
  return {
    measures: both.flatMap(({ step, id }) =>
      ofPoint(step, id, old.get(id) as PointRecord, now.get(id) as PointRecord),
    ),
    only: {
      before: [...old.keys()].filter((id) => !now.has(id)),
      after: [...now.keys()].filter((id) => !old.has(id)),
    },
  };
}

function ofPoint(step: string, point: string, old: PointRecord, now: PointRecord): ComparedMeasure[] {
  const names = [...new Set([...Object.keys(old.metrics), ...Object.keys(now.metrics)])];
  return names.map((name): ComparedMeasure => {
    const before = old.metrics[name] ?? null;
    const after = now.metrics[name] ?? null;
    return {
      step,
      point,
      name,
      before,
      after,
      difference: before && after && differenceOf(after, before),
      same: old.key === now.key,
    };
  });
}

const LEVEL = 0.95;

function differenceOf(a: Metric, b: Metric): Difference {
  const [from, to] = [intervalOf(a), intervalOf(b)];
  const level = a.level ?? LEVEL;
  if (!from || !to || level !== (b.level ?? LEVEL)) return { value: a.value - b.value, apart: null };
  const { value, low, high } = differenceInterval(from, to);
  return { value, ci_low: low, ci_high: high, level, apart: low > 0 || high < 0 };
}

function intervalOf({ value, ci_low: low, ci_high: high }: Metric) {
  return low === undefined || high === undefined ? null : { value, low, high };
}
