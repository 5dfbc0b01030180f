/** Shapes in names: N activations (rows), D width, F features. */

/**
 * Sums over activations x and their reconstructions x_hat, from which every measure of a dictionary on a set of activations
 * follows; e = x - x_hat. They add up over sets, so that a measure can be resampled by text.
 */
export interface Moments {
  /** N */
  rows: number;
  /** sum x, and sum ||x||^2 */
  sum_D: Float64Array;
  squares: number;
  /** sum e, and sum ||e||^2 */
  errorSum_D: Float64Array;
  errorSquares: number;
  /** sum ||x_hat||^2 */
  reconstructionSquares: number;
  /** sum x . x_hat */
  product: number;
  /** sum x . x_hat / (||x|| ||x_hat||) */
  cosine: number;
  /** sum ||x_hat|| / ||x|| */
  ratio: number;
  /** Number of features above 0, summed. */
  active: number;
  /** sum of all feature activations */
  l1: number;
}

export function emptyMoments(D: number): Moments {
  return {
    rows: 0,
    sum_D: new Float64Array(D),
    squares: 0,
    errorSum_D: new Float64Array(D),
    errorSquares: 0,
    reconstructionSquares: 0,
    product: 0,
    cosine: 0,
    ratio: 0,
    active: 0,
    l1: 0,
  };
}

/** Takes in one activation, its reconstruction, how many features were active and their sum. */
export function addRow(
  to: Moments,
  x_D: Float32Array,
  x_hat_D: Float32Array,
  active: number,
  l1: number,
): void {
  let squares = 0;
  let errorSquares = 0;
  let reconstructionSquares = 0;
  let product = 0;
  for (let d = 0; d < x_D.length; d++) {
    const x = x_D[d]!;
    const x_hat = x_hat_D[d]!;
    const error = x - x_hat;
    to.sum_D[d]! += x;
    to.errorSum_D[d]! += error;
    squares += x * x;
    errorSquares += error * error;
    reconstructionSquares += x_hat * x_hat;
    product += x * x_hat;
  }
  to.rows++;
  to.squares += squares;
  to.errorSquares += errorSquares;
  to.reconstructionSquares += reconstructionSquares;
  to.product += product;
  to.cosine +=
    squares > 0 && reconstructionSquares > 0 ? product / Math.sqrt(squares * reconstructionSquares) : 0;
  to.ratio += squares > 0 ? Math.sqrt(reconstructionSquares / squares) : 1;
  to.active += active;
  to.l1 += l1;
}

/** The moments of several sets together; a set named twice counts twice. */
export function totalMoments(sets: readonly Moments[], chosen?: Int32Array): Moments {
  const total = emptyMoments(sets[0]?.sum_D.length ?? 0);
  const count = chosen?.length ?? sets.length;
  for (let i = 0; i < count; i++) {
    const set = sets[chosen ? chosen[i]! : i]!;
    for (let d = 0; d < total.sum_D.length; d++) {
      total.sum_D[d]! += set.sum_D[d]!;
      total.errorSum_D[d]! += set.errorSum_D[d]!;
    }
    total.rows += set.rows;
    total.squares += set.squares;
    total.errorSquares += set.errorSquares;
    total.reconstructionSquares += set.reconstructionSquares;
    total.product += set.product;
    total.cosine += set.cosine;
    total.ratio += set.ratio;
    total.active += set.active;
    total.l1 += set.l1;
  }
  return total;
}

/** sum over rows of ||v - mean v||^2, from the sums of v. */
export function scatter(rows: number, sum_D: Float64Array, squares: number): number {
  let ofSum = 0;
  for (const sum of sum_D) ofSum += sum * sum;
  return squares - ofSum / rows;
}
