import { normalQuantile } from './normal.ts';
import type { Estimate } from './types.ts';

/**
 * A share k/n with Wilson's score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927), which stays within [0, 1] and
 * holds its level for small n and for shares near 0 or 1:
 *
 *   (k + z^2/2 +- z sqrt(k(n-k)/n + z^2/4)) / (n + z^2)
 */
export function proportion(successes: number, trials: number, unit: string, level = 0.95): Estimate {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`proportion: ${successes} of ${trials}`);
  }
  const z = normalQuantile((1 + level) / 2);
  const centre = successes + (z * z) / 2;
  const half = z * Math.sqrt((successes * (trials - successes)) / trials + (z * z) / 4);
  const bottom = trials + z * z;
  return {
    value: successes / trials,
    ci_low: successes === 0 ? 0 : (centre - half) / bottom,
    ci_high: successes === trials ? 1 : (centre + half) / bottom,
    level,
    n: trials,
    n_unit: unit,
  };
}
