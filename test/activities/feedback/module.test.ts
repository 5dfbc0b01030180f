import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Reward } from '../../../ml/rewards/types.ts';
import { failure, open, scores } from './opening.ts';

const opened: Reward[] = [];
afterEach(() => {
  for (const reward of opened.splice(0)) reward.close?.();
});

async function module(text: string, name = 'reward.ts', seconds = 20): Promise<Reward> {
  const file = join(mkdtempSync(join(tmpdir(), 'module-')), name);
  writeFileSync(file, text);
  const reward = await open({
    kind: 'module',
    file: { $path: file, sha256: '0'.repeat(64) },
    'timeout-seconds': seconds,
  });
  opened.push(reward);
  return reward;
}

test('TypeScript, JavaScript and CommonJS score, at once or later', async () => {
  const typescript = await module(
    `import { createHash } from 'node:crypto';
     enum Sign { Up = 1, Down = -1 }
     interface Options { factor: number }
     const options: Options = { factor: Sign.Up * createHash('md5').update('').digest().length };
     export default async (prompts: string[], completions: string[]): Promise<number[]> =>
       completions.map((text, i) => options.factor * text.length + prompts[i]!.length);`,
  );
  expect(await scores(typescript, 'ab', 'abc')).toEqual([39, 55]);
  const named = await module(
    'export const score = (_, texts) => Float32Array.from(texts, (t) => t.length);',
    'r.mjs',
  );
  expect(await scores(named, 'ab', '')).toEqual([2, 0]);
  const common = await module(
    "const { basename } = require('path'); module.exports.score = (_, t) => t.map((x) => basename(x).length);",
    'r.js',
  );
  expect(await scores(common, 'a/bcd')).toEqual([3]);
});

test('an endless loop is ended, when it scores and when it is loaded', async () => {
  const loop = await module(
    'export const score = (_, t) => { if (t[0] === "x") for (;;); return t.map(() => 1); };',
    'r.mjs',
    1,
  );
  expect(await scores(loop, 'fine')).toEqual([1]);
  expect(await failure(scores(loop, 'x'))).toMatchObject({
    code: 'reward-timeout',
    hint: expect.stringContaining('timeout-seconds'),
  });
  expect(await failure(scores(loop, 'fine'))).toMatchObject({ code: 'reward-timeout' });
  expect(await failure(module('for (;;);', 'r.mjs', 1))).toMatchObject({ code: 'reward-timeout' });
});

test('it sees no environment', async () => {
  process.env.PLUMB_TEST_SECRET = 'hunter2';
  const reward = await module(
    'export const score = (_, t) => t.map(() => Object.keys(process.env).length);',
    'r.mjs',
  );
  expect(await scores(reward, 'a')).toEqual([0]);
  delete process.env.PLUMB_TEST_SECRET;
});

test.each([
  ['throw new TypeError("no idea");', /failed on .*"completion":"bad".*no idea[\s\S]*r\.mjs:1/],
  ['return t.map((x) => x === "bad" ? NaN : 1);', /"completion":"bad".* is NaN/],
  ['return t.map((x) => x === "bad" ? "1" : 1);', /failed on .*"completion":"bad".*no number: string/],
  ['return t.map((x) => x === "bad" ? undefined : 1);', /failed on .*"completion":"bad".*no number/],
  ['return [1];', /1 scores for 3 texts/],
  ['return {};', /no list of numbers, but object/],
  ['process.exit(3);', /ended its thread \(exit code 3\)/],
])('a module that does %j fails with what it failed on', async (body, message) => {
  const reward = await module(
    `export const score = (_, t) => { if (t.includes("bad")) { ${body} } return t.map(() => 0); };`,
    'r.mjs',
  );
  expect(await scores(reward, 'fine')).toEqual([0]);
  const said = await failure(scores(reward, 'fine', 'good', 'bad'));
  expect(said.code).toBe('bad-reward');
  expect(said.message).toMatch(message);
});

test.each([
  [
    "import { score } from './other.ts';\nexport { score };",
    /reward\.ts:1:\d+: it imports \.\/other\.ts, but only the file itself/,
  ],
  ["export const score = async () => (await import('lodash')).default;", /imports lodash/],
  ['export const score = (a: string => 1;', /reward\.ts:1:\d+: /],
  ['export const rate = () => [];', /exports no function to score with/],
  ['throw new Error("not today");', /not today/],
])('%j is refused when it is opened', async (text, message) => {
  expect((await failure(module(text))).message).toMatch(message);
});
