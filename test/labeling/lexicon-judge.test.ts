import { expect, test } from 'vitest';
import {
  detectByLexicon,
  expectationOf,
  fuzzByLexicon,
  simulateByLexicon,
} from '../../labeling/lexicon-judge.ts';

const ratings: Record<string, number> = { great: 3, lovely: 2, awful: -2, positive: 2.6, negative: -2.7 };
const ratingOf = (word: string) => ratings[word] ?? 0;
const levels = (explanation: string, tokens: string[]) => tokens.map(expectationOf(explanation, ratingOf));
const words = ['A', ' Great', ' film', ' lovely', ' awful'];

test('words that the description quotes count most, then those with the tone that it names', () => {
  expect(levels('positive words, above all “great”, “film” (90 % of activation, mean 2)', words)).toEqual([
    0, 10, 10, 5, 0,
  ]);
  expect(levels('both positive and negative words, above all “a”', words)).toEqual([10, 5, 0, 5, 5]);
  expect(levels('mostly unlisted words, above all "film"', words)).toEqual([0, 0, 10, 0, 0]);
});

test('of words that are not quoted it knows the listed ones only, and of tone nothing but its name', () => {
  expect(levels('the word great', words)).toEqual([0, 10, 0, 0, 0]);
  expect(levels('words of praise', words)).toEqual([0, 0, 0, 0, 0]);
});

test('its answers follow from that alone', () => {
  const expected = expectationOf('negative words, above all “film”', ratingOf);
  expect(detectByLexicon(expected, [[' a', ' film'], [' great'], [' awful']])).toEqual({
    status: 'labelled',
    answers: [true, false, true],
  });
  const marks = (...marked: boolean[]) => ({ tokens: [' great', ' film', ' a'], marked });
  expect(
    fuzzByLexicon(expected, [marks(false, true, false), marks(true, false, false), marks(true, true, true)]),
  ).toEqual({ status: 'labelled', answers: [true, false, true] });
  expect(simulateByLexicon(expected, [' film', ' awful', ' great'])).toEqual({
    status: 'labelled',
    levels: [10, 5, 0],
  });
});
