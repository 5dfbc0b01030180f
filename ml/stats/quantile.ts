/**
 * Quantiles by linear interpolation between order statistics (type 7 of Hyndman & Fan, "Sample Quantiles in Statistical
 * Packages", 1996): what numpy.percentile does by default.
 */

/** The p-quantile, 0 <= p <= 1, of values sorted in ascending order. NaN when there are none. */
export function quantileOfSorted(sorted: ArrayLike<number>, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`quantile: p = ${p} is not in [0, 1]`);
  const last = sorted.length - 1;
  if (last < 0) return Number.NaN;
  const position = p * last;
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, last)] as number;
  return low + (high - low) * (position - below);
}

/** The p-quantile of values in any order; the input is left as it is. */
export function quantile(values: ArrayLike<number>, p: number): number {
  return quantileOfSorted(Float64Array.from(values).sort(), p);
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}
