import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { rowLogits } from '../../../ml/classifiers/row-logits.ts';
import { textRow } from '../../../ml/classifiers/text-rows.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { classifierReward } from '../../../ml/rewards/reward-model.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';

/** Made by test/fixtures/make/distilbert.py with transformers 5.17 and tokenizers 0.23. */
const DIRECTORY = 'test/fixtures/distilbert';
const expected = JSON.parse(readFileSync(`${DIRECTORY}/expected.json`, 'utf8')) as {
  rows: number[][];
  logits: number[][];
  gradients: Record<string, number>;
  strings: string[];
  ids: number[][];
};
const flat = expected.logits.flat();
const largest = (ours: ArrayLike<number>, theirs: readonly number[]) =>
  Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] as number))));

test('gives the logits of transformers for rows of different lengths, padded or not', async () => {
  const classifier = await loadClassifier(DIRECTORY);
  expect(classifier.labels).toEqual(['NEGATIVE', 'POSITIVE']);
  // What the engine keeps for good is made at the first passes.
  classifier.logits(expected.rows).dispose();
  rowLogits(classifier, expected.rows, 1);
  const before = tensorflow().memory().numTensors;
  const out_BL = classifier.logits(expected.rows);
  expect(out_BL.shape).toEqual([expected.rows.length, 2]);
  expect(largest(out_BL.dataSync(), flat)).toBeLessThan(1e-4);
  out_BL.dispose();
  for (const [i, alone] of rowLogits(classifier, expected.rows, 1).entries())
    expect(largest(alone, expected.logits[i]!)).toBeLessThan(1e-4);
  expect(tensorflow().memory().numTensors).toBe(before);
  classifier.dispose();
});

test('has the gradients of torch in every tensor', async () => {
  const classifier = await loadClassifier(DIRECTORY);
  const { value, grads } = gradients(
    () => classifier.logits(expected.rows).square().mean(),
    classifier.parameters,
  );
  value.dispose();
  const names = Object.keys(expected.gradients);
  expect([...classifier.parameters.keys()].sort()).toEqual([...names].sort());
  for (const name of names) {
    const norm = grads.get(name)!.norm().dataSync()[0]!;
    expect(Math.abs(norm - expected.gradients[name]!), name).toBeLessThan(
      1e-4 + 1e-3 * expected.gradients[name]!,
    );
  }
  classifier.dispose();
});

test.each(expected.strings.map((text, i) => [text.slice(0, 30), text, expected.ids[i]!] as const))(
  'reads %j as the Python package does',
  (_, text, ids) => {
    expect(loadTokenizer(DIRECTORY).encode(text)).toEqual(ids);
  },
);

test('a text that is too long keeps its [CLS], at which it is read, and its end', () => {
  const tokenizer = loadTokenizer(DIRECTORY);
  const text = 'the plot was boring and the film was wonderful '.repeat(5);
  const whole = tokenizer.encode(text);
  const { ids, cut } = textRow(tokenizer, text, 24);
  expect(cut).toBe(true);
  expect(ids).toEqual([whole[0], ...whole.slice(-23)]);
});

test('as a reward it is the raw logit of a label, or its log-probability', async () => {
  const classifier = await loadClassifier(DIRECTORY);
  const tokenizer = loadTokenizer(DIRECTORY);
  const text = { prompt: 'The film', completion: ' was wonderful.' };
  const [logits] = rowLogits(classifier, [tokenizer.encode('The film was wonderful.')]);
  const [negative, positive] = Array.from(logits!) as [number, number];
  const scoreOf = async (label: string | number, output: 'logit' | 'log-prob') =>
    (
      await classifierReward({ classifier, tokenizer, label, output, scored: 'prefix+completion' }).score([
        text,
      ])
    )[0];
  expect(await scoreOf('POSITIVE', 'logit')).toBe(positive);
  expect(await scoreOf(0, 'logit')).toBe(negative);
  const logProb = positive - Math.log(Math.exp(positive) + Math.exp(negative));
  expect(await scoreOf('POSITIVE', 'log-prob')).toBeCloseTo(logProb, 6);
  classifier.dispose();
});

test.each([
  [{ activation: 'mish' }, /mish/],
  [{ pruned_heads: { 0: [1] } }, /pruned_heads/],
  [{ n_heads: 3 }, /n_heads/],
  [{ quantization_config: { bits: 4 } }, /quantization_config/],
  [{ dim: 32 }, /shape/],
  [{ architectures: ['DistilBertForMaskedLM'] }, /DistilBertForMaskedLM/],
])('config.json with %j is refused by name', async (change, message) => {
  const directory = mkdtempSync(join(tmpdir(), 'distilbert-'));
  cpSync(DIRECTORY, directory, { recursive: true });
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as object;
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, ...change }));
  await expect(loadClassifier(directory)).rejects.toThrow(message);
});
