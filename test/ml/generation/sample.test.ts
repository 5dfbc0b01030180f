import { beforeAll, expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { nextTokenSampler } from '../../../ml/generation/next-token.ts';
import { sample } from '../../../ml/generation/sample.ts';
import { loadModel } from '../../../ml/models/load.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await loadModel('test/fixtures/tiny-models/gpt_neox');
});

const prompts = [[11, 48, 85, 25, 62], [67, 7], [44, 81, 21, 58], [3]];
const base = { eosId: null, padId: 0 };
const draws = () => stream(7, 'test');

test('the same stream gives the same completions, another stream others', () => {
  const first = sample(model, prompts, { ...base, maxNewTokens: 12 }, draws());
  expect(sample(model, prompts, { ...base, maxNewTokens: 12 }, draws())).toEqual(first);
  expect(sample(model, prompts, { ...base, maxNewTokens: 12 }, stream(8, 'test'))).not.toEqual(first);
  for (const { ids, ended } of first) {
    expect(ids).toHaveLength(12);
    expect(ended).toBe(false);
  }
});

test('every row keeps to its own limit, and a row that ends early leaves the others unchanged', () => {
  const free = sample(model, prompts, { ...base, maxNewTokens: 14 }, draws());
  const limited = sample(model, prompts, { ...base, maxNewTokens: [14, 1, 2, 3] }, draws());
  expect(limited.map(({ ids }) => ids.length)).toEqual([14, 1, 2, 3]);
  for (const [i, { ids }] of limited.entries()) expect(ids).toEqual(free[i]?.ids.slice(0, ids.length));
});

test('a row stops at the end token, which is its last', () => {
  const free = sample(model, prompts, { ...base, maxNewTokens: 14 }, draws());
  const eosId = free[2]?.ids[4] as number;
  const stopped = sample(model, prompts, { ...base, eosId, maxNewTokens: 14 }, draws());
  for (const [i, { ids, ended }] of stopped.entries()) {
    const at = free[i]?.ids.indexOf(eosId) as number;
    expect(ended).toBe(at >= 0);
    expect(ids).toEqual(at >= 0 ? free[i]?.ids.slice(0, at + 1) : free[i]?.ids);
  }
});

test("log-probabilities are the model's own, whatever the temperature", () => {
  const tf = tensorflow();
  for (const { ids, logProbs } of sample(
    model,
    [prompts[0] as number[]],
    { ...base, maxNewTokens: 6, temperature: 0.5 },
    draws(),
  )) {
    const all = [...(prompts[0] as number[]), ...ids];
    const logp = tf.tidy(() =>
      tf
        .logSoftmax(model.unembed(model.forward(tf.tensor2d([all], undefined, 'int32'))).squeeze([0]))
        .arraySync(),
    ) as number[][];
    for (const [i, id] of ids.entries()) {
      expect(Math.abs((logp[4 + i]?.[id] as number) - (logProbs[i] as number))).toBeLessThan(1e-4);
    }
  }
});

test('drawn tokens follow the distribution, which top-k and top-p cut', () => {
  const weights = Float32Array.from([0.5, 0.3, 0.15, 0.05]);
  const frequencies = (options: Parameters<typeof nextTokenSampler>[0]) => {
    const pick = nextTokenSampler(options);
    const source = draws();
    const counts = new Float64Array(4);
    for (let i = 0; i < 20000; i++) {
      const id = pick(weights, source);
      counts[id] = (counts[id] as number) + 1;
    }
    return Array.from(counts, (count) => count / 20000);
  };
  const near = (actual: number[], expected: number[]) => {
    for (const [i, x] of actual.entries()) expect(Math.abs(x - (expected[i] as number))).toBeLessThan(0.015);
  };
  near(frequencies({}), [0.5, 0.3, 0.15, 0.05]);
  near(frequencies({ topK: 2 }), [0.625, 0.375, 0, 0]);
  near(frequencies({ topP: 0.79 }), [0.625, 0.375, 0, 0]);
  near(frequencies({ topP: 0.81 }), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]);
  expect(frequencies({ temperature: 0 })).toEqual([1, 0, 0, 0]);
});

test('wrong options and broken weights are refused', () => {
  expect(() => sample(model, [[]], { ...base, maxNewTokens: 2 }, draws())).toThrow('Prompt 0 is empty');
  expect(() => sample(model, prompts, { ...base, maxNewTokens: 100 }, draws())).toThrow('64 positions');
  expect(() => nextTokenSampler({ topP: 0 })).toThrow('topP is 0');
  expect(() => nextTokenSampler({})(Float32Array.from([1, Number.NaN]), draws())).toThrow('output is NaN');
});

test('sampling leaves no tensors behind', () => {
  const tf = tensorflow();
  sample(model, prompts, { ...base, maxNewTokens: 4 }, draws());
  const before = tf.memory().numTensors;
  sample(model, prompts, { ...base, maxNewTokens: [4, 1, 1, 2] }, draws());
  expect(tf.memory().numTensors).toBe(before);
});

test('temperature sharpens: at 0 every row is greedy, near 0 almost always', () => {
  const greedy = sample(model, prompts, { ...base, maxNewTokens: 8, temperature: 0 }, draws());
  expect(sample(model, prompts, { ...base, maxNewTokens: 8, temperature: 1e-3 }, stream(5, 'other'))).toEqual(
    greedy,
  );
  expect(sample(model, prompts, { ...base, maxNewTokens: 8, topK: 1 }, stream(5, 'other'))).toEqual(greedy);
  const likelihood = (temperature: number) =>
    sample(model, prompts, { ...base, maxNewTokens: 20, temperature }, draws())
      .flatMap(({ logProbs }) => logProbs)
      .reduce((sum, x) => sum + x, 0);
  expect(likelihood(0.5)).toBeGreaterThan(likelihood(1) + 10);
  expect(likelihood(1)).toBeGreaterThan(likelihood(2) + 10);
});
