import { proportion } from '../../stats/proportion.ts';
import type { Estimate } from '../../stats/types.ts';

/** Answers against what is so. */
export interface Counts {
  truePositives: number;
  falseNegatives: number;
  trueNegatives: number;
  falsePositives: number;
}

export function countAnswers(truths: readonly boolean[], answers: readonly boolean[]): Counts {
  const counts: Counts = { truePositives: 0, falseNegatives: 0, trueNegatives: 0, falsePositives: 0 };
  truths.forEach((truth, i) => {
    if (truth) counts[answers[i] ? 'truePositives' : 'falseNegatives']++;
    else counts[answers[i] ? 'falsePositives' : 'trueNegatives']++;
  });
  return counts;
}

/**
 * The mean of sensitivity and specificity, (TP / (TP + FN) + TN / (TN + FP)) / 2: a half for whoever always says the same,
 * whatever the share of positives (scikit-learn's balanced_accuracy_score). NaN without positives or without negatives.
 */
export function balancedAccuracy(counts: Counts): number {
  const { truePositives, falseNegatives, trueNegatives, falsePositives } = counts;
  return (
    (truePositives / (truePositives + falseNegatives) + trueNegatives / (trueNegatives + falsePositives)) / 2
  );
}

/**
 * With an interval from Wilson's of the two shares, put together as Zou & Donner (2008) do for the sum of two independent
 * estimates. A bootstrap over the ten or twenty windows of one feature would call a perfect score certain.
 */
export function balancedAccuracyEstimate(counts: Counts, unit: string): Estimate | undefined {
  const positives = counts.truePositives + counts.falseNegatives;
  const negatives = counts.trueNegatives + counts.falsePositives;
  if (positives === 0 || negatives === 0) return undefined;
  const a = proportion(counts.truePositives, positives, unit);
  const b = proportion(counts.trueNegatives, negatives, unit);
  const value = balancedAccuracy(counts);
  const below = Math.hypot(a.value - (a.ci_low as number), b.value - (b.ci_low as number)) / 2;
  const above = Math.hypot((a.ci_high as number) - a.value, (b.ci_high as number) - b.value) / 2;
  return {
    value,
    ci_low: value - below,
    ci_high: value + above,
    level: 0.95,
    n: positives + negatives,
    n_unit: unit,
  };
}
