import { expect, test } from 'vitest';
import { publishedTarget, strongWords } from '../../../ml/triples/published-places.ts';
import { askingOrder, rewritablePlaces, slotOfSubstitutes } from '../../../ml/triples/rewriting.ts';
import { slotsOfTexts } from '../../../ml/triples/substitution.ts';
import { vader } from './lexicon.ts';

const strong = strongWords([...vader.entries()].map(([, value]) => value));
const at = (text: string, published = false) =>
  rewritablePlaces([text], vader, published ? strong : null).map(({ sentence, start, end }) =>
    sentence.slice(start, end),
  );

test('the quarters of the list are where the paper has them', () => {
  expect(strong.positive).toBeGreaterThanOrEqual(1.4);
  expect(strong.positive).toBeLessThanOrEqual(1.6);
  expect(strong.negative).toBeGreaterThanOrEqual(-2.1);
  expect(strong.negative).toBeLessThanOrEqual(-1.5);
  expect(strongWords([3, 1, 2, -1, -2, -3, 0, 4])).toEqual({ positive: 3, negative: -2 });
});

test('every rated word with something before it is a place', () => {
  expect(at('Wonderful acting and a great plot. It was a terrible film.')).toEqual(['great', 'terrible']);
});

test('as published: the first top word of the first sentence, if that holds no bottom word', () => {
  expect(at('It has a great plot and superb acting. A wonderful end.', true)).toEqual(['great']);
  expect(at('It has a great plot and horrible acting.', true)).toEqual([]);
  expect(at('It has a plot. And great acting.', true)).toEqual([]);
  expect(publishedTarget('It was okay.', vader, strong)).toBeNull();
  const texts = ['It was a wonderful film. It was a wonderful end.', 'It was a horrible film.'];
  expect(slotsOfTexts(texts, vader, strong).slots.map(({ prefix }) => prefix)).toEqual(['It was a ']);
});

test('proposed words are checked against the feedback, the article and the place', () => {
  const [place] = rewritablePlaces(['It was a great film.'], vader, null);
  const { slot, refused } = slotOfSubstitutes(
    place as NonNullable<typeof place>,
    {
      positive: ['wonderful', 'awesome', ' Superb ', 'table', 'wonderful'],
      neutral: ['recent', 'interesting', 'black and white'],
      negative: ['terrible', 'good', 'awful'],
    },
    vader,
  );
  expect(slot).toEqual({
    document: 0,
    prefix: 'It was a ',
    options: {
      positive: ['great', 'wonderful', 'superb'],
      neutral: ['recent'],
      negative: ['terrible'],
    },
  });
  expect(refused).toEqual({
    'no single word': 1,
    'wrong article': 3,
    'not rated so': 2,
    'rated, so not neutral': 0,
  });
});

test('a model is asked about every text before it is asked about one again, and about no text too often', () => {
  const texts = ['It is good, it is bad, it is great.', 'It was bad.'];
  const places = rewritablePlaces(texts, vader, null);
  expect(places.length).toBe(4);
  const order = askingOrder(places, [0, 1, 2, 3], 2);
  expect(order.map(({ document }) => document)).toEqual([0, 1, 0]);
});
