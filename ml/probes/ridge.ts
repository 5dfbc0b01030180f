import { factorise, solve } from './algebra/cholesky.ts';
import { centred, columnGram, columnMeans, type Matrix, rowGram, transposeTimes } from './algebra/matrix.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * Ridge regression: minimises ||X w + b - y||^2 + alpha ||w||^2 with b unpenalised, the objective of scikit-learn's Ridge
 * (Hoerl & Kennard, Technometrics 12, 1970). Default of the published probe: alpha 1.
 *
 * Solved in closed form by Cholesky, on centred data: w = (X^T X + alpha I)^-1 X^T y, or, when there are fewer rows than
 * features, w = X^T (X X^T + alpha I)^-1 y.
 */
export function fitRidge(X: Matrix, y: ArrayLike<number>, alpha: number): LinearProbe {
  return ridgeSolver(X, alpha)(y);
}

/** Factorises once for any number of targets. */
export function ridgeSolver(X: Matrix, alpha: number): (y: ArrayLike<number>) => LinearProbe {
  if (!(alpha > 0)) throw new RangeError(`ridge: alpha ${alpha} is not positive`);
  if (X.rows === 0) throw new RangeError('ridge: there are no rows to fit');
  const means = columnMeans(X);
  const coefficientsOf = X.columns <= X.rows ? primal(X, means, alpha) : dual(X, means, alpha);
  return (y) => {
    if (y.length !== X.rows) throw new RangeError(`ridge: ${y.length} targets for ${X.rows} rows`);
    let mean = 0;
    for (let i = 0; i < y.length; i++) mean += (y[i] as number) / y.length;
    const coefficients = coefficientsOf(Float64Array.from(y, (v) => v - mean));
    let intercept = mean;
    for (let j = 0; j < means.length; j++) intercept -= (means[j] as number) * (coefficients[j] as number);
    return { coefficients, intercept };
  };
}

type Solver = (centredTargets: Float64Array) => Float64Array;

function primal(X: Matrix, means: Float64Array, alpha: number): Solver {
  const n = X.columns;
  const gram = columnGram(X);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      const slot = a * n + b;
      gram[slot] = (gram[slot] as number) - X.rows * (means[a] as number) * (means[b] as number);
    }
    gram[a * n + a] = (gram[a * n + a] as number) + alpha;
  }
  const factor = factorise(gram, n);
  // The targets are centred, so X need not be: X_c^T y_c = X^T y_c.
  return (y) => solve(factor, n, transposeTimes(X, y));
}

function dual(X: Matrix, means: Float64Array, alpha: number): Solver {
  const n = X.rows;
  const shifted = centred(X, means);
  const gram = rowGram(shifted);
  for (let i = 0; i < n; i++) gram[i * n + i] = (gram[i * n + i] as number) + alpha;
  const factor = factorise(gram, n);
  return (y) => transposeTimes(shifted, solve(factor, n, y));
}
