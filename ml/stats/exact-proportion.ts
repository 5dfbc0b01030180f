import type { Estimate } from './types.ts';

/**
 * A share k/n with the exact interval (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934; scipy's `binomtest`): the shares
 * p that k successes of n do not refute, each side tested at (1 - level) / 2:
 *
 *   low:   P(X >= k | p) = (1 - level) / 2        high:   P(X <= k | p) = (1 - level) / 2
 *
 * Never too narrow, so that "at most 5 %" is said no more often than it may be; one-sided, `high` holds at (1 + level) / 2.
 */
export function exactProportion(successes: number, trials: number, unit: string, level = 0.95): Estimate {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`exactProportion: ${successes} of ${trials}`);
  }
  const tail = (1 - level) / 2;
  const { value, ...counts } = { value: successes / trials, level, n: trials, n_unit: unit };
  return {
    value,
    ci_low: successes === 0 ? 0 : crossing((p) => tail - (1 - binomialCdf(successes - 1, trials, p))),
    ci_high: successes === trials ? 1 : crossing((p) => binomialCdf(successes, trials, p) - tail),
    ...counts,
  };
}

/** Where a falling function is 0, by bisection. */
function crossing(falling: (p: number) => number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (falling(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(X <= k) of n draws that each succeed with probability p, 0 < p < 1. */
function binomialCdf(k: number, n: number, p: number): number {
  let logTerm = n * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}
