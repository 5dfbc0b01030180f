import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  createTokenizer,
  loadTokenizer,
  type TokenizerDocument,
  tokenizerFiles,
} from '../../../ml/tokenizers/load.ts';
import { UNKNOWN, wordLevelTokenizer, writeTokenizer } from '../../../ml/tokenizers/word-level.ts';

const FIXTURES = 'test/fixtures/tokenizers';
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
interface Row {
  text: string;
  ids: number[];
  offsets: [number, number][];
  decoded: string;
}
const expected: Record<'byte-level' | 'word-level', Row[]> = json(join(FIXTURES, 'expected.json'));
const settings = { eos_token: '<|endoftext|>', unk_token: UNKNOWN };
const byteLevel = createTokenizer(json(join(FIXTURES, 'byte-level.json')));
const wordLevel = createTokenizer(json(join(FIXTURES, 'word-level.json')), settings);

describe.each([
  ['byte-level', byteLevel],
  ['word-level', wordLevel],
] as const)('%s, beside the Python package', (name, tokenizer) => {
  test.each(expected[name].map((row) => [JSON.stringify(row.text), row] as const))('%s', (_text, row) => {
    const { ids, offsets } = tokenizer.encodeWithOffsets(row.text);
    expect(tokenizer.encode(row.text)).toEqual(row.ids);
    expect(ids).toEqual(row.ids);
    if (name === 'byte-level' && row.text !== row.text.normalize('NFC')) {
      // The package leaves out the marks that the normaliser joins to a letter; ours belong to it.
      for (const [i, [start, end]] of offsets.entries()) {
        expect(start).toBeLessThanOrEqual(row.offsets[i]?.[0] as number);
        expect(end).toBeGreaterThanOrEqual(row.offsets[i]?.[1] as number);
      }
    } else {
      expect(offsets).toEqual(row.offsets);
    }
    expect(tokenizer.decode(ids)).toBe(row.decoded);
  });
});

test('byte-level decoding gives the text back, and offsets cut it into what the tokens stand for', () => {
  for (const { text } of expected['byte-level']) {
    const { ids, offsets } = byteLevel.encodeWithOffsets(text);
    if (!text.includes('<|')) expect(byteLevel.decode(ids)).toBe(text.normalize('NFC'));
    for (const [i, [start, end]] of offsets.entries()) {
      const token = byteLevel.token(ids[i] as number);
      if (!token.includes('\ufffd')) expect(text.slice(start, end).normalize('NFC')).toBe(token);
    }
  }
});

describe('word-level tokenizers', () => {
  const texts = readFileSync(join(FIXTURES, 'corpus.txt'), 'utf8').trim().split('\n');

  test('are made from texts: the most frequent words, ties in alphabetical order', () => {
    const made = wordLevelTokenizer(texts, 60, 128);
    expect(made.document).toEqual(json(join(FIXTURES, 'word-level.json')));
    expect(made).toEqual(wordLevelTokenizer([...texts].reverse(), 60, 128));
    const small = createTokenizer(wordLevelTokenizer(texts, 5, 128).document, settings);
    expect(small.vocabularySize).toBe(5);
    expect([2, 3, 4].map((id) => small.token(id))).toEqual(['the', '.', 'was']);
  });

  test('decode to readable text', () => {
    const decoded = (text: string) => wordLevel.decode(wordLevel.encode(text));
    expect(decoded('The plot was wonderful. The cast was not so-so, it was well-made!')).toBe(
      'the plot was wonderful. the cast was not so-so, it was well-made!',
    );
    expect(decoded("It's a film I couldn't stop watching")).toBe("it's a film i couldn't stop watching");
    expect(decoded('The plot was zyzzyx.')).toBe('the plot was <unk>.');
  });

  test('written to a directory, they load with their special tokens', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tokenizer-'));
    const paths = writeTokenizer(directory, wordLevelTokenizer(texts, 60, 128));
    expect(tokenizerFiles(directory)).toEqual(paths);
    const tokenizer = loadTokenizer(directory);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([0, 0, 0]);
    expect(tokenizer.decode([0, 2, 0])).toBe('the');
    expect(tokenizer.decode([])).toBe('');
  });
});

test('errors name the file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenizer-'));
  expect(() => loadTokenizer(directory)).toThrow('tokenizer.json is missing');
  writeFileSync(join(directory, 'tokenizer.json'), '{');
  expect(() => loadTokenizer(directory)).toThrow('tokenizer.json is not JSON');
  writeFileSync(join(directory, 'tokenizer.json'), '{}');
  expect(() => loadTokenizer(directory)).toThrow(directory);
  expect(() => wordLevel.token(1000)).toThrow('There is no token 1000');
  const document = json(join(FIXTURES, 'word-level.json')) as TokenizerDocument;
  const { unk_token: _unknown, ...model } = document.model;
  const strict = createTokenizer({ ...document, model });
  expect(() => strict.encode('zyzzyx')).toThrow('the tokenizer has no unk_token');
});

const NEOX = '../shared/data/gpt-neox-tokenizer.json.gz';
const REVIEWS = '../shared/data/imdb-2400.jsonl.gz';
test.skipIf(!existsSync(NEOX) || !existsSync(REVIEWS))(
  `${NEOX}: offsets cover real reviews, which decode to themselves (skipped when absent)`,
  () => {
    const tokenizer = createTokenizer(JSON.parse(gunzipSync(readFileSync(NEOX)).toString()));
    const reviews = gunzipSync(readFileSync(REVIEWS)).toString().trim().split('\n').slice(0, 40);
    for (const line of reviews) {
      const { text } = JSON.parse(line) as { text: string };
      const { ids, offsets } = tokenizer.encodeWithOffsets(text);
      expect(tokenizer.decode(ids)).toBe(text.normalize('NFC'));
      expect(offsets[0]?.[0]).toBe(0);
      expect(offsets.at(-1)?.[1]).toBe(text.length);
      for (const [i, [start, end]] of offsets.entries()) {
        const token = tokenizer.token(ids[i] as number);
        if (!token.includes('\ufffd')) expect(text.slice(start, end).normalize('NFC')).toBe(token);
      }
    }
  },
);
