import { expect, test } from 'vitest';
import {
  explainByLexicon,
  lexiconNote,
  readFeature,
  relateByLexicon,
} from '../../labeling/lexicon-labeller.ts';
import type { Feature } from '../../ml/features/types.ts';

const ratings: Record<string, number> = { great: 3, awful: -2 };
const ratingOf = (word: string) => ratings[word] ?? 0;
const feature = (tokens: string[], activations: number[]): Feature => ({
  dictionary: 0,
  layer: 1,
  feature: 2,
  density: 0.1,
  max: 4,
  mean: 0.1,
  examples: [{ tokens, activations, quantile: 1, text: 0, draw: 'top' }],
  heldOut: [],
  silent: [],
  hard: [],
});

test('what share of the activation falls on rated words decides', () => {
  const on = feature([' Great', ' film'], [3, 1]);
  expect(readFeature(on, ratingOf)).toEqual({ share: 0.75, value: 3, words: ['great', 'film'] });
  expect(relateByLexicon(on, ratingOf)).toMatchObject({ answer: 'related' });
  expect(relateByLexicon(feature(['film', 'great'], [4, 1]), ratingOf)).toMatchObject({
    answer: 'unrelated',
  });
  expect(relateByLexicon(feature(['film', 'great'], [3, 2]), ratingOf)).toMatchObject({ answer: 'unsure' });
});

test('descriptions name the strongest words and which way they are rated', () => {
  const described = explainByLexicon(feature(['an', 'awful', 'film'], [0, 3, 1]), ratingOf);
  expect(described).toMatchObject({
    status: 'labelled',
    text: expect.stringMatching(/^negative words, above all “awful”, “film”/),
  });
});

test('a silent feature has no label, which is a failure and not a "no"', () => {
  expect(explainByLexicon(feature(['a'], [0]), ratingOf)).toMatchObject({
    status: 'failed',
    code: 'no-activation',
  });
});

test('the note says that no language model was asked', () => {
  expect(lexiconNote('vader').note).toContain('not from a language model');
});
