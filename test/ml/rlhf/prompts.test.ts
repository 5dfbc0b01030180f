import { expect, test } from 'vitest';
import type { Tokenizer } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { distinct } from '../../../ml/rlhf/distinct.ts';
import { heldOutPrompts, isHeldOut, promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';

/** A word a token; counts the characters that it was asked to encode. */
function wordTokenizer(): Tokenizer & { encoded: number } {
  const ids = new Map<string, number>();
  const list: string[] = [];
  const idOf = (word: string) => ids.get(word) ?? ids.set(word, list.push(word) - 1).get(word)!;
  return {
    encoded: 0,
    vocabularySize: 10_000,
    bosId: null,
    eosId: null,
    padId: 0,
    encode(text) {
      this.encoded += text.length;
      return text.split(/\s+/).filter(Boolean).map(idOf);
    },
    encodeWithOffsets: () => ({ ids: [], offsets: [] }),
    decode: (tokens) => Array.from(tokens, (id) => list[id]).join(' '),
    token: (id) => list[id]!,
  };
}

const random = stream(3, 'texts');
const texts = Array.from({ length: 3000 }, () =>
  Array.from({ length: 5 + random.integer(30) }, () => `w${random.integer(40)}`).join(' '),
);
const options = { tokens: [2, 9], minimumCharacters: 0 } as const;
const prompts = promptsOf(texts, wordTokenizer(), options, stream(0, 'prompts'));

test('lengths are uniform between the bounds, both included', () => {
  const counts = new Map<number, number>();
  for (const { ids } of prompts) counts.set(ids.length, (counts.get(ids.length) ?? 0) + 1);
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  for (const count of counts.values()) expect(Math.abs(count / prompts.length - 1 / 8)).toBeLessThan(0.03);
});

test('no prompt of the evaluation is one of the tuning, whatever the seed of either', () => {
  const other = promptsOf(texts, wordTokenizer(), options, stream(1, 'prompts'));
  const tuned = new Set(tuningPrompts(other).map(({ text }) => text));
  const held = heldOutPrompts(prompts);
  expect(held.filter(({ text }) => tuned.has(text))).toEqual([]);
  expect(new Set(held.map(({ text }) => text)).size).toBe(held.length);
  expect(held.length).toBeGreaterThan(300);
});

test('about a fifth of all prompts is held out, also among prompts that differ in one letter', () => {
  const share =
    Array.from({ length: 20_000 }, (_, i) => isHeldOut(`the movie ${i}`)).filter(Boolean).length / 20_000;
  expect(Math.abs(share - 0.2)).toBeLessThan(0.01);
});

test('texts that end within the longest prompt give none, and the others keep theirs', () => {
  const mixed = texts.flatMap((text, i) => (i % 2 === 0 ? ['too short'] : [text]));
  const shortened = promptsOf(mixed, wordTokenizer(), options, stream(0, 'prompts'));
  const expected = promptsOf(texts, wordTokenizer(), options, stream(0, 'prompts'));
  expect(shortened.length).toBeGreaterThan(1000);
  expect(shortened.every(({ text }) => expected.some((prompt) => prompt.text === text))).toBe(true);
  expect(promptsOf(['w1 w2'], wordTokenizer(), options, stream(0, 'prompts'))).toEqual([]);
});

test('short texts can be passed over', () => {
  const long = promptsOf(
    texts,
    wordTokenizer(),
    { ...options, minimumCharacters: 100 },
    stream(0, 'prompts'),
  );
  expect(long.length).toBeLessThan(prompts.length);
  expect(long.length).toBeGreaterThan(0);
});

test('a long text is not encoded to its end', () => {
  const tokenizer = wordTokenizer();
  promptsOf(['word '.repeat(100_000)], tokenizer, options, stream(0, 'prompts'));
  expect(tokenizer.encoded).toBeLessThan(1000);
});

test('distinct-n counts different n-grams over all texts', () => {
  expect(distinct(['a b a b'], 1)).toBe(0.5);
  expect(distinct(['a b a b'], 2)).toBeCloseTo(2 / 3, 12);
  expect(distinct(['good film', 'Good film', 'bad film'], 2)).toBeCloseTo(2 / 3, 12);
  expect(distinct(Array(50).fill('very good'), 2)).toBe(0.02);
});
