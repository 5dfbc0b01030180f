import type { RandomStream } from '../random/stream.ts';
import { percentileInterval } from './bootstrap.ts';
import type { Estimate } from './types.ts';

/**
 * The mean of a table of values whose rows and columns are both samples, such as prompts and draws of random features: rows
 * and columns are drawn anew, each with replacement, and the percentiles of the means give the interval. It is slightly
 * wide rather than too narrow; drawing rows alone would take the columns for the only ones there could have been.
 *
 * Source: A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007). Default: 2000 replicates, 95 %.
 *
 * @param columns every column with one value a row; `n` of the estimate counts rows
 */
export function pigeonholeMean(
  columns: readonly ArrayLike<number>[],
  { stream, unit, replicates = 2000 }: { stream: RandomStream; unit: string; replicates?: number },
): Estimate {
  const rows = columns[0]?.length ?? 0;
  if (rows === 0) throw new RangeError('pigeonholeMean: there is nothing to draw from');
  const level = 0.95;
  const mean = (times_R: ArrayLike<number>, times_C: ArrayLike<number>): number => {
    let sum = 0;
    columns.forEach((column, c) => {
      const times = times_C[c] as number;
      if (times === 0) return;
      let own = 0;
      for (let r = 0; r < rows; r++) own += (times_R[r] as number) * (column[r] as number);
      sum += times * own;
    });
    return sum / (rows * columns.length);
  };
  const drawn = (count: number): Int32Array => {
    const times = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const at = stream.integer(count);
      times[at] = (times[at] as number) + 1;
    }
    return times;
  };
  const once = (count: number) => new Int32Array(count).fill(1);
  const value = mean(once(rows), once(columns.length));
  if (rows < 2) return { value, n: rows, n_unit: unit };
  const means = Float64Array.from({ length: replicates }, () => mean(drawn(rows), drawn(columns.length)));
  const [low, high] = percentileInterval(means, level);
  return { value, ci_low: low, ci_high: high, level, n: rows, n_unit: unit };
}
