import type { RandomStream } from '../../random/stream.ts';
import { WORD_CLASSES } from '../../triples/substitutes.ts';
import type { Ratings } from '../../triples/types.ts';

/** Names that the grammar uses for the classes of words in ml/triples/substitutes.ts, in their order there. */
export const CLASS_NAMES = ['adjective', 'adverb', 'past', 'present', 'third', 'noun'] as const;
export type ClassName = (typeof CLASS_NAMES)[number];

/** Ratings reach from about -4 to 4; words rated within about this much of what is felt are likely. */
const SPREAD = 0.9;
const STRONGEST = 3.4;

/** Chooses words by feeling: strong words for strong feelings. */
export class RatedWords {
  private readonly rated: ReadonlyMap<ClassName, readonly { word: string; value: number }[]>;
  private readonly neutral: ReadonlyMap<ClassName, readonly string[]>;

  constructor(ratings: Ratings) {
    const entries = CLASS_NAMES.map(
      (name, i) => [name, WORD_CLASSES[i] as (typeof WORD_CLASSES)[number]] as const,
    );
    this.rated = new Map(
      entries.map(([name, { rated }]) => [
        name,
        rated.map((word) => ({ word, value: ratings.value(word) })).filter(({ value }) => value !== 0),
      ]),
    );
    this.neutral = new Map(
      entries.map(([name, { neutral }]) => [name, neutral.filter((word) => !ratings.has(word))]),
    );
  }

  /** @param feeling -1 (hates it) .. 1 (loves it) */
  felt(name: ClassName, feeling: number, draws: RandomStream): string {
    const target = STRONGEST * feeling;
    const words = (this.rated.get(name) ?? []).filter(({ value }) => value > 0 === feeling > 0);
    let total = 0;
    const sums = words.map(({ value }) => {
      total += Math.exp(-((value - target) ** 2) / (2 * SPREAD * SPREAD));
      return total;
    });
    const at = draws.uniform() * total;
    return (words[sums.findIndex((sum) => sum > at)] ?? (words.at(-1) as { word: string })).word;
  }

  /** All words of a class that the ratings put on one side. */
  all(name: ClassName, member: 'positive' | 'neutral' | 'negative'): readonly string[] {
    if (member === 'neutral') return this.neutral.get(name) ?? [];
    return (this.rated.get(name) ?? [])
      .filter(({ value }) => value > 0 === (member === 'positive'))
      .map(({ word }) => word);
  }

  unrated(name: ClassName, draws: RandomStream): string {
    return draws.choice(this.neutral.get(name) ?? []);
  }
}
