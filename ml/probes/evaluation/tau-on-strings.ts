import { type KendallResult, kendall } from '../../stats/kendall.ts';
import type { Reading } from '../types.ts';

/**
 * The statistic that was published as Kendall's tau (the notebook `train_linear_probe`, cells 61-62): between two lists of
 * word *strings*, the negative words sorted by value and the same words sorted by prediction. Strings are ranked by the
 * alphabet, so the result says next to nothing of the predictions: a perfect probe gives 1, and any other about 0.
 */
export function tauOnStrings({ words, values, predictions }: Reading): KendallResult {
  const negative = [...words.keys()].filter((i) => (values[i] as number) < 0);
  const alphabetical = [...negative].sort((a, b) => ((words[a] as string) < (words[b] as string) ? -1 : 1));
  const rank = new Map(alphabetical.map((word, position) => [word, position]));
  const sortedBy = (key: ArrayLike<number>) =>
    [...negative]
      .sort((a, b) => (key[a] as number) - (key[b] as number))
      .map((word) => rank.get(word) as number);
  return kendall(sortedBy(values), sortedBy(predictions));
}
