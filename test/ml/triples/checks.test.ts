import { expect, test } from 'vitest';
import { contrastSlots } from '../../../ml/data/synthetic-reviews/contrasts.ts';
import { stream } from '../../../ml/random/stream.ts';
import { createTokenizer } from '../../../ml/tokenizers/load.ts';
import { wordLevelTokenizer } from '../../../ml/tokenizers/word-level.ts';
import { buildTriples } from '../../../ml/triples/build.ts';
import { checkTriples, toneLengths } from '../../../ml/triples/checks.ts';
import { takesAn } from '../../../ml/triples/substitution.ts';
import { MEMBERS, type Triple } from '../../../ml/triples/types.ts';
import { vader } from './lexicon.ts';

const slots = contrastSlots(400, vader, stream(0, 'contrasts'));
const words = slots.flatMap(({ prefix, options }) =>
  MEMBERS.flatMap((m) => options[m].map((w) => prefix + w)),
);
const vocabulary = wordLevelTokenizer(words, 4000, 64);
const tokenizer = createTokenizer(vocabulary.document, vocabulary.settings);
const { triples } = buildTriples(slots, 400, {
  ...{ seed: 0, folds: 5, limit: 200, perDocument: 4, maxTokens: 64, testShare: 0.2 },
  ...{ tokenizer, ratings: vader, familiar: () => true },
});
const failures = (of: readonly Triple[]) =>
  Object.fromEntries(
    checkTriples(of, { tokenizer, ratings: vader })
      .filter(({ failed }) => failed > 0)
      .map(({ name, failed }) => [name, failed]),
  );

test('templates open one place each, with words that fit its article on all sides', () => {
  expect(contrastSlots(400, vader, stream(0, 'contrasts'))).toEqual(slots);
  let articles = 0;
  for (const { prefix, options } of slots) {
    expect(prefix).toMatch(/^[A-Z].* $/);
    expect([...prefix].filter((mark) => '{}()|\u0000'.includes(mark))).toEqual([]);
    const article = /\b(an?) $/.exec(prefix)?.[1];
    if (article) articles++;
    for (const member of MEMBERS) {
      expect(options[member].length).toBeGreaterThan(0);
      for (const word of article ? options[member] : []) expect(takesAn(word)).toBe(article === 'an');
    }
  }
  expect(articles).toBeGreaterThan(40);
  expect(new Set(slots.map(({ prefix }) => prefix)).size).toBeGreaterThan(150);
});

test('triples of templates are what they should be, and length gives nothing away', () => {
  expect(triples.length).toBe(200);
  expect(failures(triples)).toEqual({});
  const { tokens, pieces, auc } = toneLengths(triples, tokenizer);
  expect(tokens.positive).toBe(tokens.negative);
  expect(pieces).toEqual({ positive: 1, neutral: 1, negative: 1 });
  expect(auc).toBe(0.5);
});

test('each thing that does not hold is counted by name', () => {
  const broken = triples.map((triple): Triple => structuredClone(triple));
  const [a, b] = broken as [Triple, Triple];
  // Another one holds the same word.
  const c = broken.findLast(
    ({ words: { positive } }, i) => i > 1 && broken.findIndex(({ words }) => words.positive === positive) < i,
  ) as Triple;
  a.texts.neutral = `X${a.texts.neutral.slice(1)}`;
  b.words.neutral = 'great';
  c.fold = (c.fold + 1) % 5;
  expect(failures(broken)).toMatchObject({
    minimal: 2,
    'neutral word is not rated': 1,
    'word families in one fold': expect.any(Number),
  });
  expect(failures(broken)).not.toHaveProperty('documents in one fold');
  b.document = c.document;
  if (b.fold === c.fold) b.fold = (b.fold + 1) % 5;
  expect(failures(broken)).toHaveProperty('documents in one fold', 1);
});
