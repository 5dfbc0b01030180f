import type { RandomStream } from '../random/stream.ts';
import { normalCdf, normalQuantile } from './normal.ts';
import { quantileOfSorted } from './quantile.ts';
import type { Estimate } from './types.ts';

/**
 * The non-parametric bootstrap: rows are drawn with replacement, the statistic is computed anew, and its spread over the
 * replicates gives the interval. With `clusters`, whole clusters are drawn, and they are the units that `n` counts.
 *
 *   percentile  [q(a/2), q(1 - a/2)] of the replicates
 *   bca         the same quantiles, moved for bias and acceleration (default): B. Efron, "Better Bootstrap Confidence
 *               Intervals", J. Am. Stat. Assoc. 82 (1987), eq. 2.3 and 6.6; acceleration by the jackknife over units
 *
 * Defaults: 2000 replicates, level 0.95, bca. A statistic may be undefined (NaN) for some resamples, as a correlation is
 * when all drawn rows agree; such replicates are left out, and beyond a tenth of them no interval is given.
 */
export interface BootstrapOptions {
  stream: RandomStream;
  /** What one independent unit is, in the singular: 'prompt', 'word', 'document'. */
  unit: string;
  replicates?: number;
  level?: number;
  method?: 'bca' | 'percentile';
  /** One label a row: rows with equal labels are drawn together. */
  clusters?: ArrayLike<number | string>;
}

/** Gets the indices of the drawn rows: a view that is reused from call to call, so it must not be kept. */
export type Statistic = (rows: Int32Array) => number;

/** Several statistics of the same draw, written into `out`. */
export type Statistics = (rows: Int32Array, out: Float64Array) => void;

/** Above so many units, the jackknife leaves out random groups of units (the same acceleration in the limit). */
const JACKKNIFE_GROUPS = 500;
const MOST_UNDEFINED = 0.1;

/** One statistic of `rows` rows, numbered 0 .. rows-1. */
export function bootstrap(rows: number, statistic: Statistic, options: BootstrapOptions): Estimate {
  const write: Statistics = (drawn, out) => {
    out[0] = statistic(drawn);
  };
  return bootstrapMany(rows, 1, write, options)[0] as Estimate;
}

/** `count` statistics of the same resamples: differences between them are paired. */
export function bootstrapMany(
  rows: number,
  count: number,
  statistics: Statistics,
  options: BootstrapOptions,
): Estimate[] {
  const { stream, unit, replicates = 2000, level = 0.95, method = 'bca' } = options;
  if (!(rows >= 1)) throw new RangeError('bootstrap: there are no rows to draw from');
  if (!(level > 0 && level < 1)) throw new RangeError(`bootstrap: level ${level} is not between 0 and 1`);
  const groups = options.clusters ? clusterRows(options.clusters, rows) : singleRows(rows);
  const units = groups.starts.length - 1;

  const out = new Float64Array(count);
  statistics(groups.members, out);
  const values = Float64Array.from(out);

  const drawn = new Int32Array(units * groups.largest);
  const distributions = Array.from({ length: count }, () => new Float64Array(replicates));
  for (let b = 0; b < replicates; b++) {
    let length = 0;
    for (let u = 0; u < units; u++) {
      const g = stream.integer(units);
      const end = groups.starts[g + 1] as number;
      for (let i = groups.starts[g] as number; i < end; i++) drawn[length++] = groups.members[i] as number;
    }
    statistics(drawn.subarray(0, length), out);
    for (let k = 0; k < count; k++) (distributions[k] as Float64Array)[b] = out[k] as number;
  }

  const left = method === 'bca' ? jackknife(groups, count, statistics, stream) : [];
  return distributions.map((distribution, k) => {
    const value = values[k] as number;
    const finite = distribution.filter(Number.isFinite);
    const estimate: Estimate = { value, n: units, n_unit: unit };
    if (!Number.isFinite(value) || units < 2 || finite.length < (1 - MOST_UNDEFINED) * replicates)
      return estimate;
    const [low, high] =
      method === 'bca'
        ? bcaInterval(finite, value, left[k] as Float64Array, level)
        : percentileInterval(finite, level);
    return { ...estimate, ci_low: low, ci_high: high, level };
  });
}

/** The mean of one value a row. */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): Estimate {
  return bootstrap(values.length, (rows) => meanOf(values, rows), options);
}

/** The mean of `after - before`, paired by row: the interval of a change measured on the same units. */
export function bootstrapPairedDifference(
  after: ArrayLike<number>,
  before: ArrayLike<number>,
  options: BootstrapOptions,
): Estimate {
  if (after.length !== before.length) {
    throw new RangeError(`bootstrapPairedDifference: ${after.length} values against ${before.length}`);
  }
  const differences = new Float64Array(after.length);
  for (let i = 0; i < differences.length; i++) differences[i] = (after[i] as number) - (before[i] as number);
  return bootstrapMean(differences, options);
}

/** The mean of `values` at `rows`. */
export function meanOf(values: ArrayLike<number>, rows: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) sum += values[rows[i] as number] as number;
  return sum / rows.length;
}

/** The central `level` of the replicates. */
export function percentileInterval(replicates: ArrayLike<number>, level: number): [number, number] {
  const sorted = Float64Array.from(replicates).sort();
  return [quantileOfSorted(sorted, (1 - level) / 2), quantileOfSorted(sorted, (1 + level) / 2)];
}

/**
 * Efron's bias-corrected and accelerated interval, from the replicates, the value on the data, and the values with one
 * unit (or group of units) left out. Falls back to the percentile interval where the correction is undefined (all
 * replicates on one side of the value).
 */
export function bcaInterval(
  replicates: ArrayLike<number>,
  value: number,
  leftOut: ArrayLike<number>,
  level: number,
): [number, number] {
  const sorted = Float64Array.from(replicates).sort();
  let below = 0;
  let equal = 0;
  for (const replicate of sorted) {
    if (replicate < value) below++;
    else if (replicate === value) equal++;
  }
  const bias = normalQuantile((below + equal / 2) / sorted.length);
  const acceleration = accelerationOf(leftOut);
  const end = (p: number) => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  const low = end((1 - level) / 2);
  const high = end((1 + level) / 2);
  if (!(Number.isFinite(bias) && low <= high)) return percentileInterval(sorted, level);
  return [quantileOfSorted(sorted, low), quantileOfSorted(sorted, high)];
}

/** Efron 1987, eq. 6.6: sum (m - v_i)^3 / (6 (sum (m - v_i)^2)^1.5). */
function accelerationOf(leftOut: ArrayLike<number>): number {
  const finite = Float64Array.from(leftOut).filter(Number.isFinite);
  let mean = 0;
  for (const v of finite) mean += v / finite.length;
  let squares = 0;
  let cubes = 0;
  for (const v of finite) {
    const d = mean - v;
    squares += d * d;
    cubes += d * d * d;
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
}

/** Rows grouped by unit: unit u owns members[starts[u] .. starts[u+1]). */
interface Groups {
  starts: Int32Array;
  members: Int32Array;
  largest: number;
}

function singleRows(rows: number): Groups {
  const members = new Int32Array(rows);
  const starts = new Int32Array(rows + 1);
  for (let i = 0; i < rows; i++) {
    members[i] = i;
    starts[i + 1] = i + 1;
  }
  return { starts, members, largest: 1 };
}

function clusterRows(labels: ArrayLike<number | string>, rows: number): Groups {
  if (labels.length !== rows)
    throw new RangeError(`bootstrap: ${labels.length} cluster labels for ${rows} rows`);
  const byLabel = new Map<number | string, number[]>();
  for (let i = 0; i < rows; i++) {
    const label = labels[i] as number | string;
    const group = byLabel.get(label);
    if (group) group.push(i);
    else byLabel.set(label, [i]);
  }
  const members = new Int32Array(rows);
  const starts = new Int32Array(byLabel.size + 1);
  let unit = 0;
  let position = 0;
  let largest = 0;
  for (const group of byLabel.values()) {
    for (const row of group) members[position++] = row;
    starts[++unit] = position;
    largest = Math.max(largest, group.length);
  }
  return { starts, members, largest };
}

/** Each statistic with one unit left out in turn; of many units, random groups of equal size. */
function jackknife(
  groups: Groups,
  count: number,
  statistics: Statistics,
  stream: RandomStream,
): Float64Array[] {
  const units = groups.starts.length - 1;
  const folds = Math.min(units, JACKKNIFE_GROUPS);
  const left = Array.from({ length: count }, () => new Float64Array(folds));
  if (units < 2) return left;
  const foldOf = units === folds ? null : stream.permutation(units).map((rank) => rank % folds);
  const kept = new Int32Array(groups.members.length);
  const out = new Float64Array(count);
  for (let f = 0; f < folds; f++) {
    let length = 0;
    for (let u = 0; u < units; u++) {
      if ((foldOf ? foldOf[u] : u) === f) continue;
      const end = groups.starts[u + 1] as number;
      for (let i = groups.starts[u] as number; i < end; i++) kept[length++] = groups.members[i] as number;
    }
    statistics(kept.subarray(0, length), out);
    for (let k = 0; k < count; k++) (left[k] as Float64Array)[f] = out[k] as number;
  }
  return left;
}
