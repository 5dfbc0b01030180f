import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run as build } from '../../../activities/kinds/triples.build.ts';
import { kind } from '../../../compiler/kinds/triples.build.ts';
import { validateParameters } from '../../../compiler/kinds/validate.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { generateReviews } from '../../../ml/data/synthetic-reviews/generate.ts';
import { stream } from '../../../ml/random/stream.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../../ml/tokenizers/word-level.ts';
import { parseTriples } from '../../../ml/triples/format.ts';
import { WORD_CLASSES } from '../../../ml/triples/substitutes.ts';
import type { Table } from '../../../store/table.ts';
import type { Json } from '../../../store/types.ts';
import { vader } from '../../ml/triples/lexicon.ts';
import { type Behaviour, startOpenAIServer } from '../../servers/openai-server.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const feedback = { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10, scored: 'completion' };
const reviews = generateReviews(
  { count: 200, sentences: [3, 5], neutral: 0.2, scatter: 0.4 },
  vader,
  stream(0, 'reviews'),
).map(({ text }) => text);
const texts = mkdtempSync(join(tmpdir(), 'texts-'));
const model = mkdtempSync(join(tmpdir(), 'model-'));

beforeAll(() => {
  writeFileSync(join(texts, 'texts.jsonl'), reviews.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  writeTokenizer(model, wordLevelTokenizer(reviews, 1500, 64));
  process.env.REWRITER_KEY = 'k';
});
afterAll(() => {
  delete process.env.REWRITER_KEY;
});

const common = () => ({
  texts: materialised('texts', texts),
  model: materialised('model', model),
  feedback,
  limit: 60,
});
const triplesOf = (result: BodyResult) =>
  parseTriples(readFileSync(join(directoryOf(result, 'triples'), 'triples.jsonl'), 'utf8'));
const checksOf = (result: BodyResult) =>
  JSON.parse(readFileSync(join(directoryOf(result, 'checks'), 'table.json'), 'utf8')) as Table;

test.each([
  ['substitution', 'corrected'],
  ['substitution', 'faithful'],
  ['templates', 'corrected'],
])('%s, %s: triples whose checks all hold', async (construction, protocol) => {
  const result = (await runBody('triples.build', build, {
    ...common(),
    ...{ construction, protocol },
    folds: 2,
  })) as BodyResult;
  expect(triplesOf(result).length).toBeGreaterThan(20);
  expect(result.metrics.checks_failed).toEqual({ value: 0 });
  for (const name of Object.keys(result.metrics)) expect(kind.metrics).toHaveProperty(name);
  const rows = checksOf(result).rows.filter(({ part }) => part === 'finished triples');
  expect(rows.length).toBe(7);
  expect(rows.every(({ failed, checked }) => failed === 0 && (checked as number) > 0)).toBe(true);
});

const used = (words: readonly string[]) =>
  words.filter((word) => reviews.filter((text) => text.includes(` ${word}`)).length >= 8);
const rated = used(WORD_CLASSES.flatMap((words) => words.rated));
const neutral = used(WORD_CLASSES.flatMap((words) => words.neutral));

/** Says words of every class, some of them wrong, as a language model would. */
function answer(): Behaviour {
  const content = {
    positive: [...rated.filter((word) => vader.value(word) > 0).slice(0, 60), 'table', 'not bad'],
    neutral: [...neutral.slice(0, 60), 'great'],
    negative: rated.filter((word) => vader.value(word) < 0).slice(0, 60),
  };
  return { kind: 'answer', content: JSON.stringify(content), promptTokens: 200, completionTokens: 300 };
}

const labeller = (url: string) => ({
  ...{ type: 'openai', model: 'm', 'api-key': { $secret: 'REWRITER_KEY' }, 'base-url': url },
  ...{ 'spend-cap': 5, price: { prompt: 1, completion: 2 }, attempts: 1 },
});

test('a language model is asked about each place once; what it says is checked, and what failed is counted', async () => {
  const server = await startOpenAIServer((_, call) =>
    call === 7 ? { kind: 'answer', content: '', refusal: 'I would rather not.' } : answer(),
  );
  try {
    const result = (await runBody('triples.build', build, {
      ...common(),
      ...{ construction: 'rewriting', labeller: labeller(server.url), candidates: 40 },
      folds: 2,
    })) as BodyResult;
    expect(server.calls.length).toBeLessThanOrEqual(60);
    expect(server.calls[0]?.messages[1]?.content).toMatch(/<<\w+>>/);
    expect(triplesOf(result).length).toBeGreaterThan(20);
    expect(result.metrics.checks_failed).toEqual({ value: 0 });
    // What the refusal cost is in it.
    const spent = ((server.calls.length - 1) * (200 + 2 * 300) + (100 + 2 * 20)) / 1e6;
    expect(result.metrics.dollars?.value).toBeCloseTo(spent, 10);
    expect(result.dollars).toBe(result.metrics.dollars?.value);
    const said = Object.fromEntries(
      checksOf(result)
        .rows.filter(({ part }) => part === 'language model')
        .map(({ check, failed }) => [check, failed]),
    );
    expect(said['question failed']).toBe(1);
    expect(said['proposed word: no single word']).toBe(server.calls.length - 1);
    // "great" is no neutral word; where the article is "an" it does not even fit.
    expect(said['proposed word: rated, so not neutral']).toBeGreaterThan(0);
    for (const name of Object.keys(result.metrics)) expect(kind.metrics).toHaveProperty(name);
  } finally {
    await server.close();
  }
});

test('a model that fails too often fails the step, and makes no triples of what is left', async () => {
  const server = await startOpenAIServer((_, call) =>
    call % 2 === 0 ? { kind: 'answer', content: '', refusal: 'No.' } : answer(),
  );
  try {
    await expect(
      runBody('triples.build', build, {
        ...common(),
        ...{ construction: 'rewriting', labeller: labeller(server.url), candidates: 40 },
      }),
    ).rejects.toThrow('questions for words failed');
  } finally {
    await server.close();
  }
});

test('rewriting needs a labeller, and nothing else takes one', () => {
  const given = { ...common(), construction: 'rewriting' } as unknown as Record<string, Json>;
  const problems = (params: Record<string, Json>) =>
    validateParameters('triples.build', params)
      .problems.filter(({ path }) => !path.endsWith('digest'))
      .map(({ path, message }) => `${path}: ${message}`);
  expect(problems(given)).toEqual([': labeller is missing here.']);
  expect(problems({ ...given, labeller: labeller('http://a') as Json })).toEqual([]);
  expect(problems({ ...given, construction: 'templates', labeller: labeller('http://a') as Json })).toEqual([
    'labeller: labeller has no place here.',
  ]);
});
