import type { Explanation, Feature, LabellerNote, Relation } from '../ml/features/types.ts';

/**
 * The offline labeller: describes a feature by the share of its activation that falls on words of a lexicon. It knows
 * nothing else, so it can neither describe other features nor find fault with the lexicon; it says so in its note.
 */

export const lexiconNote = (name: string): LabellerNote => ({
  type: 'lexicon',
  name,
  note: `Labels come from a word list (${name}), not from a language model: they tell only how much of a feature's activation falls on listed words.`,
});

/** At least this share of a feature's activation must fall on listed words for `related`. */
export const relatedShare = 0.5;
/** Below this share it is `unrelated`; between the two the labeller abstains. */
export const unrelatedShare = 0.25;

/** Mean values nearer to 0 than this are of words of both signs. */
const clearTone = 0.75;

export interface LexiconReading {
  /** Share of the activation over the examples that falls on words with a value, 0..1. */
  share: number;
  /** Activation-weighted mean value of those words. */
  value: number;
  /** Strongest words, listed or not, by total activation. */
  words: string[];
}

/** @param ratingOf the feedback of one lower-case word, 0 when it is not listed */
export function readFeature(feature: Feature, ratingOf: (word: string) => number): LexiconReading {
  const totals = new Map<string, number>();
  let all = 0;
  let listed = 0;
  let weighted = 0;
  for (const example of feature.examples) {
    example.tokens.forEach((token, i) => {
      const activation = Math.max(0, example.activations[i] ?? 0);
      if (activation === 0) return;
      const word = token.trim().toLowerCase();
      totals.set(word, (totals.get(word) ?? 0) + activation);
      all += activation;
      const value = ratingOf(word);
      if (value !== 0) {
        listed += activation;
        weighted += activation * value;
      }
    });
  }
  const words = [...totals.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5);
  return {
    share: all > 0 ? listed / all : 0,
    value: listed > 0 ? weighted / listed : 0,
    words: words.map(([word]) => word),
  };
}

export function explainByLexicon(feature: Feature, ratingOf: (word: string) => number): Explanation {
  const reading = readFeature(feature, ratingOf);
  if (reading.words.length === 0)
    return { status: 'failed', code: 'no-activation', message: 'The feature is silent in its examples.' };
  const tone =
    reading.share < unrelatedShare
      ? 'mostly unlisted'
      : Math.abs(reading.value) < clearTone
        ? 'both positive and negative'
        : reading.value > 0
          ? 'positive'
          : 'negative';
  const quoted = reading.words.map((word) => `“${word}”`).join(', ');
  return {
    status: 'labelled',
    text: `${tone} words, above all ${quoted} (${Math.round(100 * reading.share)} % of activation on listed words, mean value ${reading.value.toFixed(1)})`,
  };
}

export function relateByLexicon(feature: Feature, ratingOf: (word: string) => number): Relation {
  const { share } = readFeature(feature, ratingOf);
  const answer = share >= relatedShare ? 'related' : share < unrelatedShare ? 'unrelated' : 'unsure';
  return {
    status: 'labelled',
    answer,
    reason: `${Math.round(100 * share)} % of its activation falls on listed words`,
  };
}
