import { tokensOfSpan } from '../../activations/align.ts';
import type { CaptureItem } from '../../activations/types.ts';
import type { Tokenizer } from '../../models/types.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Ratings } from '../../triples/types.ts';

/** A word in a text that a word list rates, at the token where the model has read all of it. */
export interface RatedToken {
  /** Lower case. */
  word: string;
  /** What the list gives it: never 0. */
  value: number;
  /** Index into the items, and which of the item's rows. */
  item: number;
  row: number;
}

/** Occurrences of one word, at most: a frequent word must not stand for all. */
const MOST_A_WORD = 10;

/** Rated words at the kept positions of the items; of each word at most ten, drawn at random. */
export function ratedTokens(
  items: readonly CaptureItem[],
  texts: readonly string[],
  tokenizer: Tokenizer,
  ratings: Ratings,
  stream: RandomStream,
): RatedToken[] {
  const byWord = new Map<string, RatedToken[]>();
  items.forEach((item, i) => {
    const text = texts[item.text]!;
    const { offsets } = tokenizer.encodeWithOffsets(text);
    for (const match of text.matchAll(/\p{L}[\p{L}'’-]*/gu)) {
      const word = match[0].toLowerCase();
      const value = ratings.value(word);
      if (value === 0) continue;
      const span = tokensOfSpan(offsets, [match.index, match.index + word.length]);
      if (!span || span.to <= item.from || span.to > item.to) continue;
      const own = byWord.get(word) ?? [];
      own.push({ word, value, item: i, row: span.to - 1 - item.from });
      byWord.set(word, own);
    }
  });
  return [...byWord.keys()].sort().flatMap((word) => {
    const all = byWord.get(word)!;
    return Array.from(stream.permutation(all.length).subarray(0, MOST_A_WORD).sort(), (i) => all[i]!);
  });
}
