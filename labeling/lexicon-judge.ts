import type { Judgement, MarkedWindow, Simulation } from '../ml/features/scoring/types.ts';

/**
 * The offline judge of descriptions: expects a feature to be active at the words that its description quotes (or, of those not
 * quoted, names and the word list rates), and more weakly at words whose rating has the tone that it names. It reads nothing else
 * of the description, so it can score descriptions of single words and of tone, and is a baseline for those that say more.
 */

/** Levels of a word that the description names, and of another with the tone that it names. */
const NAMED_LEVEL = 10;
const TONE_LEVEL = 5;

/** How strongly a feature so described should be active at a token, 0 to 10. */
type Expectation = (token: string) => number;

export function expectationOf(explanation: string, ratingOf: (word: string) => number): Expectation {
  const quoted = [...explanation.matchAll(/[“"]([^”"]+)[”"]/g)].map(([, word]) => lower(word as string));
  const rest = lower(explanation.replace(/[“"][^”"]+[”"]/g, ' ').replace(/\([^)]*\)/g, ' '));
  const words = rest.split(/[^\p{L}\p{M}'-]+/u);
  const named = new Set([
    ...quoted,
    ...words.filter((word) => ratingOf(word) !== 0 && word !== 'positive' && word !== 'negative'),
  ]);
  const positive = words.includes('positive');
  const negative = words.includes('negative');
  return (token) => {
    const word = lower(token);
    if (named.has(word)) return NAMED_LEVEL;
    const rating = ratingOf(word);
    return (rating > 0 && positive) || (rating < 0 && negative) ? TONE_LEVEL : 0;
  };
}

const lower = (text: string) => text.trim().toLowerCase();

/** Active where any token is expected to be. */
export function detectByLexicon(expected: Expectation, windows: readonly (readonly string[])[]): Judgement {
  return {
    status: 'labelled',
    answers: windows.map((tokens) => tokens.some((token) => expected(token) > 0)),
  };
}

/** The right marks where more is expected of the marked tokens, on average, than of the others. */
export function fuzzByLexicon(expected: Expectation, windows: readonly MarkedWindow[]): Judgement {
  const mean = (tokens: readonly string[]) =>
    tokens.reduce((sum, token) => sum + expected(token), 0) / Math.max(1, tokens.length);
  return {
    status: 'labelled',
    answers: windows.map(
      ({ tokens, marked }) =>
        mean(tokens.filter((_, i) => marked[i])) > mean(tokens.filter((_, i) => !marked[i])),
    ),
  };
}

export function simulateByLexicon(expected: Expectation, tokens: readonly string[]): Simulation {
  return { status: 'labelled', levels: tokens.map(expected) };
}
