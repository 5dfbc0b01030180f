import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { textRow } from '../../../ml/classifiers/text-rows.ts';
import type { SequenceClassifier } from '../../../ml/classifiers/types.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import type { Tokenizer } from '../../../ml/models/types.ts';
import { classifierReward } from '../../../ml/rewards/reward-model.ts';
import { tokenizer } from '../rlhf/tiny.ts';

/** Expectations made by transformers: see test/fixtures/make/classifiers.py. */
const TINY = 'test/fixtures/tiny-classifiers';
const opened: SequenceClassifier[] = [];
const open = async (name: string) => {
  const classifier = await loadClassifier(`${TINY}/${name}`);
  opened.push(classifier);
  return classifier;
};
afterEach(() => {
  for (const classifier of opened.splice(0)) classifier.dispose();
});

/** Ids written as words: what the classifier reads is told by the text. */
const numbers: Tokenizer = {
  ...{ vocabularySize: 30, bosId: 0, eosId: 5, padId: 5 },
  encode: (text) => (text.match(/\d+/g) ?? []).map(Number),
  encodeWithOffsets: (text) => {
    const found = [...text.matchAll(/\d+/g)];
    return {
      ids: found.map(([id]) => Number(id)),
      offsets: found.map(({ index, 0: id }) => [index, index + id.length]),
    };
  },
  decode: (ids) => Array.from(ids).join(' '),
  token: String,
};

const expectedOf = (name: string) =>
  JSON.parse(readFileSync(`${TINY}/${name}/expected.json`, 'utf8')) as {
    rows: number[][];
    logits: number[][];
  };

test('scores texts with the logit of a label, or its log-probability, in the order given', async () => {
  const { rows, logits } = expectedOf('gpt_neo');
  const classifier = await open('gpt_neo');
  const texts = rows.map((row) => ({
    prompt: row.slice(0, 1).join(' '),
    completion: ` ${row.slice(1).join(' ')}`,
  }));
  const options = { classifier, tokenizer: numbers, scored: 'prefix+completion' } as const;
  for (const label of [1, 'LABEL_1']) {
    const scores = await classifierReward({ ...options, label, output: 'logit' }).score(texts);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(logits[i]![1]!, 4);
  }
  const logProbs = await classifierReward({ ...options, label: 2, output: 'log-prob' }).score(texts);
  for (const [i, score] of logProbs.entries()) {
    const total = logits[i]!.reduce((sum, logit) => sum + Math.exp(logit), 0);
    expect(score).toBeCloseTo(logits[i]![2]! - Math.log(total), 4);
  }
});

test('reads the completion alone if so asked, the end of what is too long, and an empty text', async () => {
  const classifier = await open('gpt_neox');
  const scorer = (scored: 'completion' | 'prefix+completion') =>
    classifierReward({ classifier, tokenizer: numbers, label: null, output: 'logit', scored });
  const long = Array.from({ length: 80 }, (_, i) => 6 + (i % 20));
  const completion = ` ${long.join(' ')}`;
  const [whole, alone, end] = await scorer('completion').score([
    { prompt: '7 8 9', completion },
    { prompt: '', completion },
    { prompt: '7', completion: long.slice(-classifier.maxPositions).join(' ') },
  ]);
  expect(alone).toBe(whole);
  expect(end).toBeCloseTo(whole!, 5);
  const [with7, with8, empty] = await scorer('prefix+completion').score([
    { prompt: '7', completion: ' 9' },
    { prompt: '8', completion: ' 9' },
    { prompt: '', completion: '' },
  ]);
  expect(with7).not.toBeCloseTo(with8!, 3);
  expect(Number.isFinite(empty)).toBe(true);
});

test('what the template of a tokenizer puts first stays first when a text is cut', () => {
  const withStart: Tokenizer = {
    ...numbers,
    encode: (text) => [0, ...numbers.encode(text)],
    encodeWithOffsets: (text) => {
      const { ids, offsets } = numbers.encodeWithOffsets(text);
      return { ids: [0, ...ids], offsets: [[0, 0], ...offsets] };
    },
  };
  expect(textRow(withStart, '11 12 13 14', 3)).toEqual({ ids: [0, 13, 14], cut: true });
  expect(textRow(withStart, '11 12', 3)).toEqual({ ids: [0, 11, 12], cut: false });
  expect(textRow(numbers, '11 12 13 14', 3)).toEqual({ ids: [12, 13, 14], cut: true });
  expect(textRow(numbers, '', 3)).toEqual({ ids: [5], cut: false });
});

test('scoring leaves no tensors behind', async () => {
  const classifier = await open('gpt2');
  const scorer = classifierReward({ classifier, tokenizer, label: 0, output: 'logit', scored: 'completion' });
  const score = () => scorer.score([{ prompt: '', completion: 'the film' }]);
  await score();
  const { numTensors } = tensorflow().memory();
  await score();
  expect(tensorflow().memory().numTensors).toBe(numTensors);
});

test.each([
  ['gpt2', { label: null }, 'has 2 outputs, not one score'],
  ['gpt2', { label: 'POSITIVE' }, 'has no label "POSITIVE"'],
  ['gpt2', { label: 2 }, 'has no label 2'],
  ['llama', { label: null, output: 'log-prob' }, 'it gives no probabilities'],
] as const)('%s with %o: refused, naming the labels', async (name, changes, message) => {
  const classifier = await open(name);
  const options = { classifier, tokenizer, output: 'logit', scored: 'completion', ...changes } as const;
  expect(() => classifierReward(options)).toThrow(message);
  expect(() => classifierReward(options)).toThrow(expect.objectContaining({ code: 'bad-parameter' }));
});
