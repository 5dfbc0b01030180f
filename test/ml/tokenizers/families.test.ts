import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createTokenizer, type TokenizerDocument } from '../../../ml/tokenizers/load.ts';

type Row = [ids: number[], offsets: number[], decoded: string];
type Family = 'neox' | 'byte-level' | 'word-level' | 'llama' | 'gemma' | 'llama3';

const ROOT = 'test/fixtures/tokenizers';
const NEOX = '../shared/data/gpt-neox-tokenizer.json.gz';
const expected = JSON.parse(readFileSync(`${ROOT}/families/expected.json`, 'utf8')) as Record<
  Family,
  Row[]
> & {
  strings: string[];
  'stray bytes': [number[], string][];
};

const FILES: Record<Family, string> = {
  neox: NEOX,
  'byte-level': `${ROOT}/byte-level.json`,
  'word-level': `${ROOT}/word-level.json`,
  llama: `${ROOT}/families/llama.json`,
  gemma: `${ROOT}/families/gemma.json`,
  llama3: `${ROOT}/families/llama3.json`,
};
const load = (family: Family) => {
  const bytes = readFileSync(FILES[family]);
  const text = (FILES[family].endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return createTokenizer(JSON.parse(text) as TokenizerDocument);
};

describe.each(Object.keys(FILES) as Family[])('%s, beside the Python package', (family) => {
  const skip = !existsSync(FILES[family]);
  test.skipIf(skip)(
    '200 awkward strings: ids, offsets and decoded text (skipped when the file is absent)',
    () => {
      const tokenizer = load(family);
      expect(expected.strings).toHaveLength(200);
      for (const [i, text] of expected.strings.entries()) {
        const [ids, flat, decoded] = expected[family][i] as Row;
        const found = tokenizer.encodeWithOffsets(text);
        expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
        expect(found.ids).toEqual(ids);
        expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded);
        const offsets = ids.map((_, j) => [flat[2 * j], flat[2 * j + 1]] as [number, number]);
        const composed = ['neox', 'byte-level'].includes(family) && text !== text.normalize('NFC');
        if (!composed) expect(found.offsets, JSON.stringify(text)).toEqual(offsets);
        // The package leaves out the marks that NFC joins to a letter; ours belong to it.
        else {
          for (const [j, [start, end]] of found.offsets.entries()) {
            expect(start).toBeLessThanOrEqual((offsets[j] as [number, number])[0]);
            expect(end).toBeGreaterThanOrEqual((offsets[j] as [number, number])[1]);
          }
        }
      }
    },
  );
});

test('bytes that spell no text decode as in the Python package', () => {
  const llama = load('llama');
  for (const [ids, decoded] of expected['stray bytes']) expect(llama.decode(ids)).toBe(decoded);
});

test('a token shows the space that it stands for', () => {
  const llama = load('llama');
  const { ids } = llama.encodeWithOffsets('the plot');
  expect(ids.map((id) => llama.token(id)).join('')).toBe('<s> the plot');
});
