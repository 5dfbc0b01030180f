import type { Ratings } from './types.ts';

/**
 * Which sentences the published triples were made of (Marks et al. 2024, notebook `build_triples_dataset_for_imdb`): the first
 * sentence of a text, if it holds a word of the top quarter of the feedback's list by value and none of the bottom quarter.
 * The target is the first such word.
 */
export interface StrongWords {
  /** Value from which a word is among the top quarter of the list. */
  positive: number;
  /** Value up to which it is among the bottom quarter. */
  negative: number;
}

export function strongWords(values: Iterable<number>): StrongWords {
  const sorted = Float64Array.from(values).sort();
  const quarter = Math.max(1, Math.floor(sorted.length / 4));
  return { negative: sorted[quarter - 1] ?? 0, positive: sorted[sorted.length - quarter] ?? 0 };
}

export const WORD = /\p{L}[\p{L}'’-]*/gu;

/** Where the target of a first sentence begins; null when the sentence is not taken. */
export function publishedTarget(sentence: string, ratings: Ratings, strong: StrongWords): number | null {
  let target: number | null = null;
  for (const match of sentence.matchAll(WORD)) {
    if (!ratings.has(match[0])) continue;
    const value = ratings.value(match[0]);
    if (value <= strong.negative) return null;
    if (value >= strong.positive) target ??= match.index;
  }
  return target;
}
