import { normalTwoSided } from './normal.ts';
import { midRanks } from './ranks.ts';

/**
 * Area under the ROC curve: the probability that a positive scores above a negative, ties counting half (Hanley & McNeil,
 * Radiology 143, 1982). From the rank sum R of the positives: (R - p(p+1)/2) / (p q).
 * p-value, two-sided, of 0.5: the Mann-Whitney test, normal approximation with ties, no continuity correction.
 */
export interface AucResult {
  auc: number;
  p_value: number;
  positives: number;
  negatives: number;
}

/** `labels`: 1 for positive, 0 for negative. NaN when one class is empty. */
export function auc(scores: ArrayLike<number>, labels: ArrayLike<number>): AucResult {
  const n = scores.length;
  if (labels.length !== n) throw new RangeError(`auc: ${n} scores against ${labels.length} labels`);
  const ranks = midRanks(scores);
  let positives = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    if (!labels[i]) continue;
    positives++;
    sum += ranks[i] as number;
  }
  const negatives = n - positives;
  const pairs = positives * negatives;
  if (pairs === 0) return { auc: Number.NaN, p_value: Number.NaN, positives, negatives };
  const u = sum - (positives * (positives + 1)) / 2;
  const variance = (pairs / 12) * (n + 1 - tieCubes(ranks) / (n * (n - 1)));
  const p_value = variance > 0 ? normalTwoSided((u - pairs / 2) / Math.sqrt(variance)) : 1;
  return { auc: u / pairs, p_value, positives, negatives };
}

/** Sum of t^3 - t over groups of t equal ranks. */
function tieCubes(ranks: Float64Array): number {
  const sorted = ranks.slice().sort();
  let sum = 0;
  for (let start = 0; start < sorted.length; ) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    const t = end - start;
    sum += t * t * t - t;
    start = end;
  }
  return sum;
}
