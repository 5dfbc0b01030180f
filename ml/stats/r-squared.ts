/**
 * Coefficient of determination: 1 - sum (y - prediction)^2 / sum (y - mean y)^2. Below 0 when the predictions are worse
 * than the mean of y; NaN when y is constant.
 */
export function rSquared(y: ArrayLike<number>, predictions: ArrayLike<number>): number {
  let mean = 0;
  for (let i = 0; i < y.length; i++) mean += (y[i] as number) / y.length;
  let errors = 0;
  let total = 0;
  for (let i = 0; i < y.length; i++) {
    errors += ((y[i] as number) - (predictions[i] as number)) ** 2;
    total += ((y[i] as number) - mean) ** 2;
  }
  return total > 0 ? 1 - errors / total : Number.NaN;
}
