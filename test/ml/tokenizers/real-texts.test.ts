import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createTokenizer, type TokenizerDocument } from '../../../ml/tokenizers/load.ts';

const DATA = '../shared/data';
const NEOX = join(DATA, 'gpt-neox-tokenizer.json.gz');
const read = (path: string) => gunzipSync(readFileSync(path)).toString();
const expected = JSON.parse(readFileSync('test/fixtures/tokenizers/real-ids.json', 'utf8')) as Record<
  string,
  string[]
>;

describe.each([
  ['imdb-2400.jsonl.gz', ['text']],
  ['hh-harmless-1800.jsonl.gz', ['chosen', 'rejected']],
] as const)('%s', (name, fields) => {
  test('GPT-NeoX ids of all texts equal those of the Python package', ({ skip }) => {
    const path = join(DATA, name);
    const absent = [NEOX, path].filter((file) => !existsSync(file));
    skip(absent.length > 0, `${absent.join(' and ')} is absent`);
    const tokenizer = createTokenizer(JSON.parse(read(NEOX)) as TokenizerDocument);
    const rows = read(path).trim().split('\n');
    const found = rows.flatMap((line) =>
      fields.map((field) => {
        const ids = tokenizer.encode((JSON.parse(line) as Record<string, string>)[field] as string);
        const digest = createHash('sha256').update(Int32Array.from(ids)).digest('hex').slice(0, 8);
        return `${ids.length}:${digest}`;
      }),
    );
    expect(found.length).toBeGreaterThan(1000);
    expect(found).toEqual(expected[name]);
  }, 120_000);
});
