import { quantileOfSorted } from '../stats/quantile.ts';

/** The range of VADER's ratings, to which the published procedure stretches its predictions. */
const LOWEST = -3.9;
const HIGHEST = 3.4;

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/**
 * The published post-processing of test predictions v (its notebook `train_linear_probe`):
 *
 *   v' = clamp((v - q10) / (q90 - q10) * 7.3 - 3.9, -3.9, 3.4),   rounded to 2 digits,
 *
 * q10 and q90 being percentiles of the test predictions themselves. It saturates a fifth of the points and looks at the
 * test set, which is why the corrected protocol does without.
 */
export function rescalePredictions(predictions: ArrayLike<number>): Float64Array {
  const sorted = Float64Array.from(predictions).sort();
  const low = quantileOfSorted(sorted, 0.1);
  const span = quantileOfSorted(sorted, 0.9) - low;
  return Float64Array.from(predictions, (v) => {
    const scaled = span > 0 ? ((v - low) / span) * (HIGHEST - LOWEST) + LOWEST : 0;
    return round(Math.min(HIGHEST, Math.max(LOWEST, scaled)), 2);
  });
}
