import type { Matrix } from '../../probes/algebra/matrix.ts';
import { fitLogistic } from '../../probes/logistic.ts';

/**
 * A k-sparse probe (Gurnee et al., "Finding neurons in a haystack", 2023; SAEBench, Karvonen et al. 2025): logistic regression
 * on the k columns whose means differ most between the classes,
 *
 *   columns   the k largest of |mean of class 1 - mean of class 0|, in the columns' own units
 *   fit       scikit-learn's objective (logistic.ts) with C 1
 *
 * The classifier sees each column in units of its spread on the rows fitted on, so that the penalty means the same for every
 * representation (SAEBench leaves units as they are). A column that never changes counts as it is.
 */
export interface SparseProbe {
  columns: Int32Array;
  /** One a column, for the columns' own units. */
  coefficients: Float64Array;
  intercept: number;
}

/** Rows to fit on, and the class of each row of the matrix: 1 or 0. */
export interface Labelled {
  X: Matrix;
  labels: ArrayLike<number>;
  rows: Int32Array;
}

/** Mean of class 1 less mean of class 0, one a column. */
export function meanDifferences({ X, labels, rows }: Labelled): Float64Array {
  const sums = [new Float64Array(X.columns), new Float64Array(X.columns)] as const;
  const counts = [0, 0];
  for (const row of rows) {
    const of = labels[row] ? 1 : 0;
    counts[of]! += 1;
    for (let j = 0, at = row * X.columns; j < X.columns; j++, at++) {
      const value = X.data[at]!;
      if (value !== 0) sums[of][j]! += value;
    }
  }
  return sums[1].map((sum, j) => sum / counts[1]! - sums[0][j]! / counts[0]!);
}

/** Columns by descending score, the first of equals first. */
export function ranked(scores: Float64Array): Int32Array {
  return Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/** @param tolerance of logistic.ts */
export function fitSparseProbe(data: Labelled, columns: Int32Array, tolerance?: number): SparseProbe {
  const { X, labels, rows } = data;
  const k = columns.length;
  const chosen = new Float64Array(rows.length * k);
  rows.forEach((row, i) => {
    for (let j = 0; j < k; j++) chosen[i * k + j] = X.data[row * X.columns + columns[j]!]!;
  });
  const spreads = Float64Array.from(columns, (_, j) => spreadOf(chosen, rows.length, k, j));
  const scaled = chosen.map((value, at) => value / spreads[at % k]!);
  const probe = fitLogistic(
    { rows: rows.length, columns: k, data: scaled },
    Int32Array.from(rows, (row) => labels[row]!),
    { C: 1, ...(tolerance !== undefined && { tolerance }) },
  );
  return {
    columns,
    coefficients: probe.coefficients.map((coefficient, j) => coefficient / spreads[j]!),
    intercept: probe.intercept,
  };
}

/** Log-odds of class 1 at one row. */
export function scoreOf({ columns, coefficients, intercept }: SparseProbe, X: Matrix, row: number): number {
  let score = intercept;
  for (let j = 0; j < columns.length; j++) score += coefficients[j]! * X.data[row * X.columns + columns[j]!]!;
  return score;
}

/** Standard deviation of column j; 1 where it is 0. */
function spreadOf(data: Float64Array, rows: number, k: number, j: number): number {
  let mean = 0;
  for (let i = 0; i < rows; i++) mean += data[i * k + j]! / rows;
  let squares = 0;
  for (let i = 0; i < rows; i++) squares += (data[i * k + j]! - mean) ** 2;
  return Math.sqrt(squares / rows) || 1;
}
