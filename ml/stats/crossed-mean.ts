import { studentQuantile } from './mean-interval.ts';
import type { Estimate } from './types.ts';

/**
 * The mean of a table whose rows and columns are both samples, such as prompts and draws of random features, with an interval
 * that holds for new rows and new columns. Drawing rows alone would take the columns for the only ones there could have been.
 *
 *   variance = s_R^2 / R + s_C^2 / C,   s_R, s_C: spread of the row means and of the column means
 *   degrees of freedom by Satterthwaite: (a + b)^2 / (a^2 / (R - 1) + b^2 / (C - 1))
 *
 * What rows and columns do only together is in both terms: the interval is rather too wide for that. One column tells nothing
 * of others, and the interval is then about rows alone.
 *
 * Source: H. H. Clark, "The language-as-fixed-effect fallacy", J. Verbal Learning and Verbal Behavior 12 (1973): quasi-F of
 * crossed random effects.
 *
 * @param columns every column with one value a row; `n` of the estimate counts rows
 */
export function crossedMean(columns: readonly ArrayLike<number>[], unit: string, level = 0.95): Estimate {
  const rows = columns[0]?.length ?? 0;
  if (rows === 0) throw new RangeError('crossedMean: the table is empty');
  const rowMeans = Array.from({ length: rows }, (_, r) => meanOf(columns.map((c) => c[r] as number)));
  const columnMeans = columns.map((column) => meanOf(Array.from(column)));
  const value = meanOf(rowMeans);
  if (rows < 2) return { value, n: rows, n_unit: unit };
  const a = varianceOfMean(rowMeans);
  const b = varianceOfMean(columnMeans);
  const freedom =
    a + b > 0 ? (a + b) ** 2 / (a ** 2 / (rows - 1) + b ** 2 / Math.max(1, columns.length - 1)) : rows - 1;
  const half = studentQuantile((1 + level) / 2, freedom) * Math.sqrt(a + b);
  return { value, ci_low: value - half, ci_high: value + half, level, n: rows, n_unit: unit };
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function varianceOfMean(values: readonly number[]): number {
  const n = values.length;
  if (n < 2) return 0;
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1) / n;
}
