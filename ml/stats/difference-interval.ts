/**
 * The interval of a difference a - b of two independent estimates, from the interval of each: the method of variance
 * estimates recovery (G. Y. Zou & A. Donner, "Construction of confidence limits about effect measures: a general approach",
 * Statistics in Medicine 27, 2008, eq. 5), which keeps the asymmetry of the two:
 *
 *   low  = a - b - sqrt((a - low_a)^2 + (high_b - b)^2)
 *   high = a - b + sqrt((high_a - a)^2 + (b - low_b)^2)
 *
 * Both intervals must have the same level, which is that of the result. If the two estimates come from the same units, and
 * so rise and fall together, it is wider than it need be.
 */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

export function differenceInterval(a: Interval, b: Interval): Interval {
  const value = a.value - b.value;
  return {
    value,
    low: value - Math.hypot(a.value - a.low, b.high - b.value),
    high: value + Math.hypot(a.high - a.value, b.value - b.low),
  };
}
