import { publishedTarget, type StrongWords, WORD } from './published-places.ts';
import { WORD_CLASSES, type WordClass } from './substitutes.ts';
import type { Ratings, Slot } from './types.ts';

/**
 * Places in ordinary text where a rated word stands that belongs to exactly one class of substitutes (substitutes.ts), with
 * the words that could stand there instead. After "a" and "an" only words that take the same article fit. The minimal
 * counterpart of the published construction, in which a language model rewrites the sentence (rewriting.ts).
 *
 * @param published only the places of published-places.ts
 */
export function slotsOfTexts(
  texts: readonly string[],
  ratings: Ratings,
  published: StrongWords | null = null,
): { slots: Slot[]; withoutContext: number } {
  const classes = WORD_CLASSES.map((wordClass) => ratedBy(wordClass, ratings));
  const classOf = new Map<string, RatedClass | 'several'>();
  for (const rated of classes) {
    for (const word of [...rated.positive, ...rated.negative]) {
      classOf.set(word, classOf.has(word) ? 'several' : rated);
    }
  }
  const slots: Slot[] = [];
  let withoutContext = 0;
  texts.forEach((text, document) => {
    const all = sentences(text);
    for (const sentence of published ? all.slice(0, 1) : all) {
      const target = published && publishedTarget(sentence, ratings, published);
      for (const match of sentence.matchAll(WORD)) {
        if (published && match.index !== target) continue;
        const found = classOf.get(match[0]);
        if (!found || found === 'several') continue;
        const prefix = sentence.slice(0, match.index);
        const previous = /([\p{L}'’]+)\s+$/u.exec(prefix)?.[1]?.toLowerCase();
        if (!previous) {
          withoutContext++;
          continue;
        }
        if (found.after && !found.after.has(previous)) continue;
        const fits = articleFits(prefix);
        slots.push({
          document,
          prefix,
          options: {
            positive: found.positive.filter(fits),
            neutral: found.neutral.filter(fits),
            negative: found.negative.filter(fits),
          },
        });
      }
    }
  });
  return { slots, withoutContext };
}

interface RatedClass {
  positive: string[];
  neutral: string[];
  negative: string[];
  after?: ReadonlySet<string>;
}

function ratedBy(wordClass: WordClass, ratings: Ratings): RatedClass {
  return {
    positive: wordClass.rated.filter((word) => ratings.value(word) > 0),
    negative: wordClass.rated.filter((word) => ratings.value(word) < 0),
    neutral: wordClass.neutral.filter((word) => !ratings.has(word)),
    ...(wordClass.after ? { after: wordClass.after } : {}),
  };
}

/** Written with a vowel but spoken with a consonant, as far as the classes of substitutes need it. */
const CONSONANT_SOUND = /^(?:eu|us|uni[^mn])/;
/** Written with a consonant but spoken with a vowel. */
const VOWEL_SOUND = /^(?:honest|honor|hour)/;

export function takesAn(word: string): boolean {
  return VOWEL_SOUND.test(word) || (/^[aeiou]/.test(word) && !CONSONANT_SOUND.test(word));
}

/** Which words can follow a text: any, unless it ends with an article. */
export function articleFits(prefix: string): (word: string) => boolean {
  const previous = /([\p{L}'’]+)\s+$/u.exec(prefix)?.[1]?.toLowerCase();
  if (previous === 'a') return (word) => !takesAn(word);
  if (previous === 'an') return takesAn;
  return () => true;
}

/** Rough sentences: cut after ., ! and ? that white space follows, and at line breaks, also those of HTML. */
export function sentences(text: string): string[] {
  return text
    .split(/(?<=[.!?]["'”’)]*)\s+|\s*(?:<br\s*\/?>|\n)\s*/iu)
    .map((sentence) => sentence.trimStart())
    .filter((sentence) => sentence !== '');
}
