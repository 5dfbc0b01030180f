import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { linesOf } from '../../../activities/text-files/lines.ts';
import { formatOf } from '../../../activities/text-files/open.ts';
import { readRows } from '../../../activities/text-files/read.ts';
import type { Row, TextFormat } from '../../../activities/text-files/types.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumb-texts-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function rows(name: string, content: string | Uint8Array, format: TextFormat): Promise<Row[]> {
  const path = join(directory, name);
  writeFileSync(path, content);
  const found: Row[] = [];
  for await (const row of readRows(path, format))
    found.push({ ...row, place: row.place.replace(`${directory}/`, '') });
  return found;
}

test('JSON Lines: blank lines are passed over, a bad line is a problem with its place and the rest is read', async () => {
  expect(await rows('a.jsonl', '{"text":"one"}\n\n{"text": tw\r\n["x"]\n{"text":"three"}', 'jsonl')).toEqual([
    { place: 'a.jsonl:1', fields: { text: 'one' } },
    { place: 'a.jsonl:3', problem: expect.stringMatching(/^it is not JSON: /) },
    { place: 'a.jsonl:4', problem: 'it is not a JSON object' },
    { place: 'a.jsonl:5', fields: { text: 'three' } },
  ]);
});

test('CSV: quotes, commas and line breaks inside fields, a byte order mark, and a row with too few fields', async () => {
  const found = await rows('a.csv', '\uFEFFtext,label\n"one, two\nthree",1\nfour\n"say ""hi""",0\n', 'csv');
  expect(found.filter((row) => 'fields' in row).map((row) => (row as { fields: unknown }).fields)).toEqual([
    { text: 'one, two\nthree', label: '1' },
    { text: 'say "hi"', label: '0' },
  ]);
  expect(found.filter((row) => 'problem' in row)).toHaveLength(1);
});

test('plain text: one text a line; gzip is recognised by its bytes, not its name', async () => {
  const expected = [
    { place: 'b.txt:1', fields: { text: 'one' } },
    { place: 'b.txt:2', fields: { text: 'two' } },
  ];
  expect(await rows('b.txt', 'one\ntwo\n', 'text')).toEqual(expected);
  expect(await rows('b.txt', gzipSync('one\ntwo\n'), 'text')).toEqual(expected);
});

test('a file that is cut short, missing or not UTF-8 says so', async () => {
  const whole = gzipSync('{"text":"a long enough line to be cut"}\n'.repeat(1000));
  await expect(rows('c.jsonl.gz', whole.subarray(0, whole.length - 20), 'jsonl')).rejects.toThrow(
    /c\.jsonl\.gz is damaged/,
  );
  const missing = readRows(join(directory, 'none.txt'), 'text');
  await expect(missing.next()).rejects.toThrow(/cannot be opened: ENOENT/);
  expect(await rows('latin.txt', Uint8Array.from([0x63, 0x61, 0x66, 0xe9, 10]), 'text')).toEqual([
    { place: 'latin.txt:1', problem: 'it is not UTF-8' },
  ]);
});

const FIXTURES = 'test/fixtures/text-files';
const written = JSON.parse(readFileSync(join(FIXTURES, 'rows.json'), 'utf8')) as Record<string, unknown>[];
const fieldsIn = async (path: string, format: TextFormat, columns?: string[]) => {
  const found: unknown[] = [];
  for await (const row of readRows(path, format, columns)) found.push('fields' in row ? row.fields : row);
  return found;
};

test.each(['none', 'snappy', 'gzip', 'zstd', 'brotli'])('Parquet in %s, over row groups', async (packing) => {
  const path = join(FIXTURES, `${packing}.parquet`);
  expect(await fieldsIn(path, 'parquet')).toEqual(written);
  expect(await fieldsIn(path, 'parquet', ['author', 'absent'])).toEqual(
    written.map(({ author }) => ({ author })),
  );
});

test('zstd in two frames; cut short anywhere, it is damaged', async () => {
  const path = join(FIXTURES, 'rows.jsonl.zst');
  expect(await fieldsIn(path, 'jsonl')).toEqual(written);
  const whole = readFileSync(path);
  for (const end of [20, 100, whole.length - 8])
    await expect(rows('cut.jsonl.zst', whole.subarray(0, end), 'jsonl')).rejects.toThrow(/is damaged/);
  const parquet = readFileSync(join(FIXTURES, 'zstd.parquet'));
  await expect(rows('cut.parquet', parquet.subarray(0, 700), 'parquet')).rejects.toThrow(/is damaged/);
});

test('lines: any chunking gives the same; what is too long is a problem and the rest is read', async () => {
  const text = '\uFEFFone\r\n\ntwö 😀\n\uFFFD is a character\nlast';
  const expected = ['one', '', 'twö 😀', '\uFFFD is a character', 'last'];
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 3, 7, 100]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const lines: unknown[] = [];
    for await (const line of linesOf(Readable.from(chunks))) lines.push('text' in line ? line.text : line);
    expect(lines).toEqual(expected);
  }
  const long: unknown[] = [];
  for await (const line of linesOf(
    Readable.from([Buffer.from('short\nmuch too '), Buffer.from('long\nend')]),
    9,
  ))
    long.push(line);
  expect(long).toEqual([
    { number: 1, text: 'short' },
    { number: 2, problem: 'it is longer than 9 bytes' },
    { number: 3, text: 'end' },
  ]);
});

test('the format goes by the name, or must be said', () => {
  expect(['a.jsonl.zst', 'A.CSV.gz', 'b.txt', 'c.parquet'].map(formatOf)).toEqual([
    'jsonl',
    'csv',
    'text',
    'parquet',
  ]);
  expect(() => formatOf('reviews.arrow')).toThrow(/cannot be told/);
});
