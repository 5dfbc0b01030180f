/**
 * How well activations s guessed from a description agree with the real ones a, over the tokens of all windows pooled.
 *
 *   correlation           Pearson's r; neither scale nor offset counts. The score that is usually reported.
 *   r_squared             1 - mean (a - s)^2 / mean a^2
 *   absolute_deviation    1 - mean |a - s| / mean |a|
 *
 * In the last two, scale counts: both must be on one, here 0 to 10. Source: S. Bills et al., "Language models can explain
 * neurons in language models" (2023), and its code (automated-interpretability, scoring.py). All are NaN where a is 0 or
 * constant; the same guess everywhere tells nothing, and has the correlation 0.
 */
export interface SimulationScores {
  correlation: number;
  r_squared: number;
  absolute_deviation: number;
}

/** Sums over the tokens of a window, from which the scores of any set of windows follow. */
export interface SimulationSums {
  n: number;
  a: number;
  s: number;
  aa: number;
  ss: number;
  as: number;
  /** |a| and |a - s| */
  size: number;
  error: number;
}

const none: SimulationSums = { n: 0, a: 0, s: 0, aa: 0, ss: 0, as: 0, size: 0, error: 0 };
const NAMES = Object.keys(none) as (keyof SimulationSums)[];
/** A variance below this share of the mean square is rounding. */
const ROUNDING = 1e-12;

export function simulationSums(real: ArrayLike<number>, guessed: ArrayLike<number>): SimulationSums {
  const sums = { ...none, n: real.length };
  for (let i = 0; i < real.length; i++) {
    const a = real[i] as number;
    const s = guessed[i] as number;
    sums.a += a;
    sums.s += s;
    sums.aa += a * a;
    sums.ss += s * s;
    sums.as += a * s;
    sums.size += Math.abs(a);
    sums.error += Math.abs(a - s);
  }
  return sums;
}

export function simulationScores(windows: readonly SimulationSums[]): SimulationScores {
  const all = { ...none };
  for (const window of windows) for (const name of NAMES) all[name] += window[name];
  const { n, a, s, aa, ss, as } = all;
  const varianceA = n * aa - a * a;
  const varianceS = n * ss - s * s;
  if (!(varianceA > ROUNDING * n * aa))
    return { correlation: Number.NaN, r_squared: Number.NaN, absolute_deviation: Number.NaN };
  return {
    correlation: varianceS > ROUNDING * n * ss ? (n * as - a * s) / Math.sqrt(varianceA * varianceS) : 0,
    r_squared: 1 - (aa - 2 * as + ss) / aa,
    absolute_deviation: 1 - all.error / all.size,
  };
}
