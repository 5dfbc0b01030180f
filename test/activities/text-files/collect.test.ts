import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run } from '../../../activities/kinds/data.files.ts';
import { Sorter } from '../../../activities/text-files/sorter.ts';
import { stream } from '../../../ml/random/stream.ts';
import { directoryOf, runBody } from '../run-body.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumb-collect-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Row {
  text: string;
  [name: string]: unknown;
}

/** Runs data.files on rows. */
async function collect(rows: object[] | string, params: Record<string, unknown> = {}, seed = 0) {
  const path = join(directory, 'rows.jsonl');
  writeFileSync(
    path,
    typeof rows === 'string' ? rows : rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  );
  const result = await runBody(
    'data.files',
    run,
    { path: { $path: path, sha256: '0'.repeat(64) }, ...params },
    { seed },
  );
  const read = (output: string): Row[] =>
    readFileSync(join(directoryOf(result, output), 'texts.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Row);
  const metrics = Object.fromEntries(
    Object.entries(result?.metrics ?? {}).map(([name, { value }]) => [name, value]),
  );
  return { texts: read('texts'), heldOut: read('held_out'), metrics };
}

const numbered = Array.from({ length: 500 }, (_, i) => ({
  text: `text ${i}`,
  author: i % 37,
  even: i % 2 === 0,
}));
const numbers = (rows: Row[]) => rows.map(({ text }) => Number(text.slice(5)));
const sorted = (values: number[]) => [...values].sort((a, b) => a - b);

test('columns get new names, filters and lengths leave rows out, each counted', async () => {
  const { texts, metrics } = await collect(
    [
      { body: 'good  film<br />x', stars: 5, lang: 'en', id: 'a' },
      { body: 'bon film', stars: 5, lang: 'fr', id: 'b' },
      { body: 'ok', stars: 3, lang: 'en', id: 'c' },
      { body: 'much too long a text', stars: 1, lang: 'en', id: 'd' },
    ],
    {
      ...{ 'text-field': 'body', 'label-field': 'stars', columns: { source: 'id' }, where: { lang: 'en' } },
      ...{ 'min-characters': 3, 'max-characters': 15, shuffle: false },
    },
  );
  expect(texts).toEqual([{ text: 'good film x', label: 5, source: 'a' }]);
  expect(metrics).toMatchObject({ texts: 1, short: 1, long: 1, filtered: 1, bad: 0, duplicates: 0 });
});

test('white space is kept when asked: dialogues have lines', async () => {
  const text = '\n\nHuman: hi\n\nAssistant: hello  there';
  const { texts } = await collect([{ text }], { whitespace: 'keep', 'strip-markup': false });
  expect(texts).toEqual([{ text }]);
});

test('duplicates: the first of equal texts stays', async () => {
  const rows = [...numbered, ...numbered.slice(0, 90), { text: ' text  0 ' }];
  const { texts, metrics } = await collect(rows, { dedupe: true, shuffle: false });
  expect(numbers(texts)).toEqual(numbered.map((_, i) => i));
  expect(metrics.duplicates).toBe(91);
});

describe('order and samples', () => {
  test('a shuffle is a permutation, the same for a seed and another for another', async () => {
    const [a, b, c] = [await collect(numbered), await collect(numbered), await collect(numbered, {}, 1)];
    expect(a.texts).toEqual(b.texts);
    expect(a.texts).not.toEqual(c.texts);
    expect(sorted(numbers(a.texts))).toEqual(numbered.map((_, i) => i));
  });

  test('a sample has its size, whatever the order; both orders take the same rows', async () => {
    const random = numbers((await collect(numbered, { count: 40 })).texts);
    const inOrder = numbers((await collect(numbered, { count: 40, shuffle: false })).texts);
    expect(new Set(random).size).toBe(40);
    expect(inOrder).toEqual(sorted(inOrder));
    expect(sorted(random)).toEqual(inOrder);
    expect((await collect(numbered, { count: 5000 })).texts).toHaveLength(500);
  });

  test('every row is equally likely to be in the sample', async () => {
    const hits = new Array(20).fill(0);
    for (let seed = 0; seed < 200; seed++)
      for (const i of numbers((await collect(numbered.slice(0, 20), { count: 5 }, seed)).texts)) hits[i]++;
    // Mean 50, standard deviation 6.1: beyond 4.5 of them is chance once in some thousand suites.
    for (const n of hits) expect(Math.abs(n - 50)).toBeLessThan(28);
  });
});

test('a split keeps groups together, and rows added later do not move it', async () => {
  const params = { 'held-out': 0.3, 'group-field': 'author', shuffle: false };
  const { texts, heldOut, metrics } = await collect(numbered, params);
  const authors = (rows: Row[]) => new Set(numbers(rows).map((i) => i % 37));
  const [kept, held] = [authors(texts), authors(heldOut)];
  expect(kept.size + held.size).toBe(37);
  expect(held.size).toBeGreaterThan(4);
  expect(held.size).toBeLessThan(19);
  expect(metrics).toMatchObject({ texts: texts.length, held_out: heldOut.length });
  const more = await collect(
    [...numbered, ...numbered.map((row) => ({ ...row, author: row.author + 100 }))],
    params,
  );
  expect(numbers(more.heldOut).slice(0, heldOut.length)).toEqual(numbers(heldOut));
  expect((await collect(numbered, params, 1)).heldOut).not.toEqual(heldOut);
});

describe('bad rows', () => {
  const bad = (n: number) => '{"text": "good"}\n'.repeat(100) + '{"txt": "bad"}\n'.repeat(n);

  test('few are counted and left out', async () => {
    const { texts, metrics } = await collect(bad(3), { 'max-bad': 0.05 });
    expect(texts).toHaveLength(100);
    expect(metrics.bad).toBe(3);
  });

  test('too many end the step, the first ten shown with file and line', async () => {
    const error = (await collect(bad(12)).catch((reason: unknown) => reason)) as Error;
    expect(error.message).toContain('12 of 112 rows of');
    expect(error.message).toContain('rows.jsonl:101: it has no text in text (it has txt)');
    expect(error.message).toContain('rows.jsonl:110:');
    expect(error.message).not.toContain('rows.jsonl:111:');
  });

  test('a filter or column on a field that is not there is bad, not silently empty', async () => {
    await expect(collect(numbered, { where: { langauge: 'en' } })).rejects.toThrow(/it has no langauge/);
    await expect(collect(numbered, { columns: { x: 'none' } })).rejects.toThrow(/it has no none/);
    await expect(collect(numbered, { 'min-characters': 50 })).rejects.toThrow(/500 too short/);
  });
});

test('the sorter gives the same order whether it wrote to disk or not', () => {
  const draws = stream(0, 'sorter');
  const sorter = new Sorter(join(directory, 'sorter'));
  const padding = 'x'.repeat(10_000);
  const keys = Array.from({ length: 4000 }, () => draws.uniform());
  for (const [i, key] of keys.entries()) sorter.add(key, { i, padding });
  const found = [...sorter.sorted<{ i: number }>()].map(({ value }) => value.i);
  expect(found).toEqual([...keys.keys()].sort((a, b) => (keys[a] as number) - (keys[b] as number)));
});
