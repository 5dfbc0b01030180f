import { familyOf } from './families.ts';
import { publishedTarget, type StrongWords, WORD } from './published-places.ts';
import { articleFits, sentences } from './substitution.ts';
import { MEMBERS, type Member, type Ratings, type Slot } from './types.ts';

/**
 * The published construction of triples (Marks et al. 2024, section 3.3 and its notebooks): a language model rewrites a
 * sentence so that a rated word gives way to words of another tone, and nothing else changes. Here it is asked for several
 * words of each tone that fit the place, so that folds can be kept apart, and each of them is checked against the feedback.
 */
export interface RewritablePlace {
  /** 0-based line of the texts. */
  document: number;
  sentence: string;
  /** The rated word that stands there, in characters of the sentence. */
  start: number;
  end: number;
}

/**
 * Rated words of the texts that have something before them in their sentence, whatever the part of speech.
 *
 * @param published only those of published-places.ts
 */
export function rewritablePlaces(
  texts: readonly string[],
  ratings: Ratings,
  published: StrongWords | null,
): RewritablePlace[] {
  return texts.flatMap((text, document) => {
    const all = sentences(text);
    return (published ? all.slice(0, 1) : all).flatMap((sentence) => {
      const target = published && publishedTarget(sentence, ratings, published);
      return [...sentence.matchAll(WORD)]
        .filter(({ index, 0: word }) => (published ? index === target : ratings.value(word) !== 0))
        .filter(({ index }) => sentence.slice(0, index).trim() !== '')
        .map(({ index, 0: word }) => ({ document, sentence, start: index, end: index + word.length }));
    });
  });
}

/** Words of each tone that are said to fit a place. */
export type Substitutes = Record<Member, readonly string[]>;

/** Why a proposed word was not taken. */
export const REFUSALS = ['no single word', 'wrong article', 'not rated so', 'rated, so not neutral'] as const;
export type Refusal = (typeof REFUSALS)[number];

/**
 * The place with those proposed words that hold: one word, fitting the article, and worth to the feedback what it should be
 * worth; a neutral word must not be rated at all. The word that stands there is one of its own side.
 */
export function slotOfSubstitutes(
  { document, sentence, start, end }: RewritablePlace,
  proposed: Substitutes,
  ratings: Ratings,
): { slot: Slot; refused: Record<Refusal, number> } {
  const prefix = sentence.slice(0, start);
  const original = sentence.slice(start, end);
  const fits = articleFits(prefix);
  const refused = Object.fromEntries(REFUSALS.map((name) => [name, 0])) as Record<Refusal, number>;
  const side: Member = ratings.value(original) > 0 ? 'positive' : 'negative';
  const options = Object.fromEntries(
    MEMBERS.map((member) => {
      const kept = new Set<string>(member === side ? [original.toLowerCase()] : []);
      for (const raw of proposed[member]) {
        const word = raw.trim().toLowerCase();
        const refusal = refusalOf(word, member, fits, ratings);
        if (refusal) refused[refusal]++;
        else kept.add(word);
      }
      return [member, [...kept]];
    }),
  ) as Record<Member, string[]>;
  return { slot: { document, prefix, options }, refused };
}

function refusalOf(
  word: string,
  member: Member,
  fits: (word: string) => boolean,
  ratings: Ratings,
): Refusal | null {
  if (word.match(WORD)?.[0] !== word) return 'no single word';
  if (!fits(word)) return 'wrong article';
  if (member === 'neutral') return ratings.has(word) ? 'rated, so not neutral' : null;
  const value = ratings.value(word);
  return (member === 'positive' ? value > 0 : value < 0) ? null : 'not rated so';
}

/** Places in the order in which a model is asked about them: a random one of each text in turn, target families mixed. */
export function askingOrder(
  places: readonly RewritablePlace[],
  permutation: ArrayLike<number>,
  perDocument: number,
): RewritablePlace[] {
  const documents = new Map<number, number>();
  const families = new Map<string, number>();
  const ranked = Array.from(permutation, (index) => {
    const place = places[index] as RewritablePlace;
    const family = familyOf(place.sentence.slice(place.start, place.end));
    const round = documents.get(place.document) ?? 0;
    const uses = families.get(family) ?? 0;
    documents.set(place.document, round + 1);
    families.set(family, uses + 1);
    return { place, round, uses };
  });
  return ranked
    .filter(({ round }) => round < perDocument)
    .sort((a, b) => a.round - b.round || a.uses - b.uses)
    .map(({ place }) => place);
}
