import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openReward as open, openLexicon } from '../../../activities/feedback.ts';
import { lexiconReward, parseLexicon } from '../../../ml/rewards/lexicon.ts';
import type { LexiconFeedback } from '../../../schemas/generated/parameters.ts';

const feedback: LexiconFeedback = {
  kind: 'lexicon',
  lexicon: 'vader',
  scale: 0.2,
  clip: 10,
  scored: 'completion',
};

const openReward = (given: LexiconFeedback) =>
  open(given, { workDirectory: '', durableDirectory: '', cacheDirectory: '' });

test('the VADER list has the counts and the range that its authors published', async () => {
  const values = [...(await openLexicon(feedback)).entries()].map(([, value]) => value);
  expect(values.length).toBe(7506);
  expect(values.filter((value) => value > 0).length).toBe(3337);
  expect(values.filter((value) => value < 0).length).toBe(4169);
  expect(values.filter((value) => value >= 2).length).toBe(1005);
  expect(values.filter((value) => value >= 3).length).toBe(58);
  expect([Math.min(...values), Math.max(...values)]).toEqual([-3.9, 3.4]);
});

test('every occurrence counts, whatever its case, negated or not', async () => {
  const reward = await openReward(feedback);
  const score = async (completion: string) => (await reward.score([{ prompt: '', completion }]))[0];
  expect(await score('good')).toBeCloseTo(0.2 * 1.9, 12);
  expect(await score('Good, GOOD; not good!')).toBeCloseTo(3 * 0.2 * 1.9, 12);
  expect(await score('good but horrible')).toBeCloseTo(0.2 * (1.9 - 2.5), 12);
  expect(await score('the table is made of wood')).toBe(0);
});

test('the score is clipped on both sides', async () => {
  const reward = await openReward(feedback);
  const texts = ['superb '.repeat(100), 'horrible '.repeat(100)].map((completion) => ({
    prompt: '',
    completion,
  }));
  expect(await reward.score(texts)).toEqual([10, -10]);
});

test('the prompt counts only when the feedback says so', async () => {
  const text = { prompt: 'What a wonderful', completion: ' horrible film' };
  const completion = await openReward(feedback);
  const both = await openReward({ ...feedback, scored: 'prefix+completion' });
  expect((await completion.score([text]))[0]).toBeCloseTo(0.2 * -2.5, 12);
  expect((await both.score([text]))[0]).toBeCloseTo(0.2 * (2.7 - 2.5), 12);
});

test('a word that the seam between prompt and completion cuts is read whole when both are scored', () => {
  const reward = lexiconReward(parseLexicon('own', 'wonderful\t2'), {
    scale: 1,
    clip: 10,
    scored: 'prefix+completion',
  });
  expect(reward.score([{ prompt: 'a wonder', completion: 'ful film' }])).toEqual([2]);
});

test('of a repeated word the last line counts; comments and further columns are passed over', () => {
  const lexicon = parseLexicon('own', '# my words\ngood\t1\t0.5\t[1, 2]\nbad\t-1\ngood\t3\n');
  expect([...lexicon.entries()]).toEqual([
    ['good', 3],
    ['bad', -1],
  ]);
});

test('a word list of the team is read from its file', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lexicon-')), 'own.tsv');
  writeFileSync(path, 'zorp\t2\n');
  const reward = await openReward({ ...feedback, file: { $path: path, sha256: '' } });
  expect(await reward.score([{ prompt: '', completion: 'good zorp' }])).toEqual([0.4]);
});

test.each([
  ['good', 'line 1: "good"'],
  ['good\t1\nbad\tminus', 'line 2: "bad\\tminus"'],
  ['good\t', 'line 1'],
  ['\t1', 'line 1'],
  ['# only a comment\n', 'holds no words'],
])('%j is refused with the line to mend', (text, message) => {
  expect(() => parseLexicon('own.tsv', text)).toThrow(message);
});
