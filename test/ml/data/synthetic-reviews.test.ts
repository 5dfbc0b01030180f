import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateReviews } from '../../../ml/data/synthetic-reviews/generate.ts';
import { stream } from '../../../ml/random/stream.ts';
import { parseLexicon } from '../../../ml/rewards/lexicon.ts';

const lexicon = parseLexicon(
  'vader',
  readFileSync(new URL('../../../ml/rewards/lexicons/vader.tsv', import.meta.url), 'utf8'),
);
const options = { count: 1500, sentences: [3, 5], neutral: 0.35, scatter: 0.35 } as const;
const reviews = generateReviews(options, lexicon, stream(0, 'reviews'));
const wordsOf = (text: string) => text.toLowerCase().match(/[a-z']+/g) ?? [];

test('the same stream gives the same reviews, another seed gives others', () => {
  expect(generateReviews(options, lexicon, stream(0, 'reviews'))).toEqual(reviews);
  expect(generateReviews(options, lexicon, stream(1, 'reviews'))[0]).not.toEqual(reviews[0]);
});

test('reviews are finished sentences: no markup is left, articles agree, lengths are as asked', () => {
  for (const { text } of reviews) {
    expect(text).toMatch(/^[A-Z][a-z0-9 ,.'A-Z-]*\.$/);
    expect(text).not.toMatch(/\b[Aa] (?:[aio]|e(?!u)|un[^i])|\b[Aa]n [^aeiouh]/);
    const sentences = text.split('. ').length;
    expect(sentences).toBeGreaterThanOrEqual(3);
    expect(sentences).toBeLessThanOrEqual(5);
  }
});

test('sentiment shows in the words: their ratings follow it, and strong feelings take strong words', () => {
  const sums = reviews.map(({ text }) => lexicon.sum(text));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const by = (low: number, high: number) =>
    mean(sums.filter((_, i) => (reviews[i]?.sentiment ?? 0) >= low && (reviews[i]?.sentiment ?? 0) < high));
  expect(by(-1, -0.6)).toBeLessThan(by(-0.6, 0));
  expect(by(-0.6, 0)).toBeLessThan(0);
  expect(by(0, 0.6)).toBeGreaterThan(0);
  expect(by(0.6, 1)).toBeGreaterThan(by(0, 0.6));
});

test('negation is there, so that words alone do not tell the sentiment', () => {
  const negated = reviews.flatMap(({ text, label }) =>
    [...text.matchAll(/was not (\w+)/g)].map((match) => ({
      label,
      value: lexicon.value(match[1] as string),
    })),
  );
  expect(negated.length).toBeGreaterThan(30);
  const opposite = negated.filter(({ label, value }) => value > 0 === (label === 'negative'));
  expect(opposite.length / negated.length).toBeGreaterThan(0.6);
});

test('the vocabulary has hundreds of rated words and hundreds of others', () => {
  const words = new Set(reviews.flatMap(({ text }) => wordsOf(text)));
  const rated = [...words].filter((word) => lexicon.has(word));
  expect(rated.length).toBeGreaterThan(350);
  expect(words.size - rated.length).toBeGreaterThan(250);
});
