import { CoordinateDescent } from './algebra/coordinate-descent.ts';
import { columnMeans, type Matrix } from './algebra/matrix.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * The elastic net (Zou & Hastie, J. R. Stat. Soc. B 67, 2005): minimises
 *
 *   ||y - X w - b||^2 / (2 n) + alpha (r ||w||_1 + (1 - r)/2 ||w||^2)
 *
 * with b unpenalised and r the L1 ratio: the objective of scikit-learn's ElasticNet, and, at r = 1, of its Lasso
 * (Tibshirani, J. R. Stat. Soc. B 58, 1996). Default: r 0.5.
 */
export interface ElasticNetOptions {
  /** r: 1 is the lasso. Above 0. */
  l1Ratio: number;
  /** The largest change of the objective in a round that counts as standing still, as a share of the targets' variance. */
  tolerance?: number;
}

const EXACT = 1e-18;

/** Fits along a path of penalties, from the strongest to the weakest, each from the one before. */
export function elasticNetPath(
  X: Matrix,
  y: ArrayLike<number>,
  alphas: readonly number[],
  { l1Ratio, tolerance = EXACT }: ElasticNetOptions,
): LinearProbe[] {
  if (!(l1Ratio > 0 && l1Ratio <= 1))
    throw new RangeError(`elastic net: L1 ratio ${l1Ratio} is not in (0, 1]`);
  if (y.length !== X.rows) throw new RangeError(`elastic net: ${y.length} targets for ${X.rows} rows`);
  const n = X.rows;
  const descent = new CoordinateDescent(X);
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (y[i] as number) / n;
  let variance = 0;
  for (let i = 0; i < n; i++) variance += ((y[i] as number) - mean) ** 2 / n;
  descent.setProblem(new Float64Array(n).fill(1 / n), y);
  return alphas.map((alpha) => {
    if (!(alpha > 0)) throw new RangeError(`elastic net: alpha ${alpha} is not positive`);
    descent.solve(alpha * l1Ratio, alpha * (1 - l1Ratio), tolerance * variance);
    return { coefficients: descent.coefficients.slice(), intercept: descent.intercept };
  });
}

/** The weakest penalty at which all coefficients are 0: max_j |x_j . (y - mean y)| / (n r). */
export function largestAlpha(X: Matrix, y: ArrayLike<number>, l1Ratio: number): number {
  const means = columnMeans(X);
  let mean = 0;
  for (let i = 0; i < X.rows; i++) mean += (y[i] as number) / X.rows;
  const slopes = new Float64Array(X.columns);
  for (let i = 0, at = 0; i < X.rows; i++) {
    const residual = (y[i] as number) - mean;
    for (let j = 0; j < X.columns; j++) {
      slopes[j] = (slopes[j] as number) + residual * ((X.data[at++] as number) - (means[j] as number));
    }
  }
  return slopes.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0) / (X.rows * l1Ratio);
}
