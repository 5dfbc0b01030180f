import { expect, test } from 'vitest';
import { annotationItems, type ItemOptions } from '../../../../ml/features/annotation/items.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { describedFeature, WORDS } from './features.ts';

const options: ItemOptions = {
  ...{ items: 100, options: 4, excerpts: 2, tokens: 4, shown: 'held-out', distractors: 'hard' },
  absentShare: 0,
};
const features = WORDS.map((word, i) => describedFeature(i, word));
const make = (more: Partial<ItemOptions> = {}, of = features) =>
  annotationItems(of, { ...options, ...more }, stream(0, 'items'));

test('the key names the right description, and its place differs from item to item', () => {
  const { items, key } = make();
  expect(items).toHaveLength(10);
  items.forEach((item, i) => {
    const { answer, description, feature } = key[i]!;
    expect(item.options[answer - 1]).toBe(description);
    expect(description).toBe(`words like ${WORDS[feature]}`);
    expect(new Set(item.options).size).toBe(4);
  });
  expect(new Set(key.map(({ answer }) => answer)).size).toBeGreaterThan(2);
});

test('excerpts are those that the description was not written from, around the strongest token, strongest first', () => {
  const { items, key } = make({ items: 1 });
  const word = WORDS[key[0]!.feature];
  expect(items[0]!.excerpts).toEqual([
    { tokens: ['a', ' b', ` ${word}`, ' c'], levels: [0, 0, 8, 0] },
    { tokens: ['a', ' b', ` ${word}`, ' c'], levels: [0, 0, 7, 0] },
  ]);
  expect(make({ items: 1, shown: 'described' }).items[0]!.excerpts[0]!.levels).toContain(10);
});

test('hard distractors come from features that fire on the same tokens, random ones from anywhere', () => {
  const pairs = WORDS.map((word, i) => describedFeature(i, word, { rival: i < 5 ? 'the' : 'of' }));
  const kinds = (distractors: 'hard' | 'random') =>
    make({ distractors }, pairs).key.map(({ similarity }) => similarity.filter((s) => s > 0).length);
  expect(Math.min(...kinds('hard'))).toBe(4);
  expect(Math.min(...kinds('random'))).toBeLessThan(4);
});

test('what a rater could not tell apart is never offered as wrong', () => {
  const twins = [
    ...features,
    describedFeature(20, 'good', { text: 'another text of a feature that fires on the same' }),
    describedFeature(21, 'sea', { text: 'Words  like BAD.' }),
  ];
  const { items, key } = make({ options: 8 }, twins);
  items.forEach((item, i) => {
    const { feature } = key[i]!;
    if (feature === 0) expect(item.options.join()).not.toContain('another text');
    if (feature === 1) expect(item.options).not.toContain('Words  like BAD.');
  });
});

test('a share of the items lacks the right description: none of the above is right there', () => {
  const { items, key } = make({ absentShare: 0.3 });
  const absent = key.filter(({ answer }) => answer === 5);
  expect(absent).toHaveLength(3);
  for (const { item, description } of absent)
    expect(items.find(({ id }) => id === item)?.options).not.toContain(description);
  expect(items.every((item) => item.options.length === 4)).toBe(true);
});

test('too few descriptions are one error that says what to change', () => {
  expect(() => make({}, features.slice(0, 3))).toThrow(/3 of the features have a description/);
});
