import { studentCdf } from './student-t.ts';
import type { Estimate } from './types.ts';

/**
 * The mean of n independent values, such as one number from each of several training runs, with Student's interval
 * mean ± t s / sqrt(n), where t is the (1 + level) / 2 quantile with n - 1 degrees of freedom. One value has no interval.
 */
export function meanInterval(values: readonly number[], unit: string, level = 0.95): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { value: mean, n, n_unit: unit };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile((1 + level) / 2, n - 1) * Math.sqrt(variance / n);
  return { value: mean, ci_low: mean - half, ci_high: mean + half, level, n, n_unit: unit };
}

/** The t with P(T <= t) = p, for p above 1/2: by bisection, to the last bit that the distribution function tells. */
export function studentQuantile(p: number, df: number): number {
  let low = 0;
  let high = 1;
  while (studentCdf(high, df) < p) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, df) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
