import { normalQuantile } from './normal.ts';
import type { Estimate } from './types.ts';

/**
 * The interval of a statistic of a sample in G random groups, from its values with one group left out: normal, with the
 * standard error of the delete-a-group jackknife, sqrt((G - 1) / G sum (v_g - mean v)^2) (Kott, "The delete-a-group
 * jackknife", J. Official Statistics 17, 2001). For what resampling with replacement distorts, such as the share of kinds
 * that a sample has not met: a resample always meets fewer. The jackknife's variance is biased upwards, so the interval is
 * rather too wide (Efron & Stein, Ann. Statist. 9, 1981). Clipped to [least, most].
 */
export function groupJackknife(
  value: number,
  leftOut: ArrayLike<number>,
  {
    n,
    unit,
    least,
    most,
    level = 0.95,
  }: { n: number; unit: string; least: number; most: number; level?: number },
): Estimate {
  const estimate: Estimate = { value, n, n_unit: unit };
  const G = leftOut.length;
  if (G < 2 || !Number.isFinite(value)) return estimate;
  let mean = 0;
  for (let g = 0; g < G; g++) mean += leftOut[g]! / G;
  let squares = 0;
  for (let g = 0; g < G; g++) squares += (leftOut[g]! - mean) ** 2;
  const half = normalQuantile((1 + level) / 2) * Math.sqrt(((G - 1) / G) * squares);
  return {
    ...estimate,
    ci_low: Math.max(least, value - half),
    ci_high: Math.min(most, value + half),
    level,
  };
}
