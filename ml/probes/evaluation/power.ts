import { normalQuantile } from '../../stats/normal.ts';
import type { Estimate } from '../../stats/types.ts';

/**
 * How many words a study like this one would need to find an effect like the one observed, in four of five such studies, at
 * the two-sided level of 5 %: the standard error falls with the root of the number of words. And the smallest effect that
 * the words at hand find as often. Both rest on the width of the bootstrap interval; an observed effect near 0 asks for a
 * number of words without meaning, so read the smallest detectable effect then.
 */
export interface Power {
  wordsNeeded: number;
  detectable: number;
}

const POWER = 0.8;
const LEVEL = 0.05;

/** null without an interval. */
export function powerOf({ value, ci_low, ci_high, level }: Estimate, words: number): Power | null {
  if (ci_low === undefined || ci_high === undefined || level === undefined || !(ci_high > ci_low))
    return null;
  const standardError = (ci_high - ci_low) / (2 * normalQuantile((1 + level) / 2));
  const detectable = (normalQuantile(1 - LEVEL / 2) + normalQuantile(POWER)) * standardError;
  return { wordsNeeded: Math.ceil(words * (detectable / value) ** 2), detectable };
}
