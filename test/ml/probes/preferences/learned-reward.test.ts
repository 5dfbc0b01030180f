import { expect, test } from 'vitest';
import { readLearnedReward } from '../../../../ml/probes/preferences/learned-reward.ts';
import { publishedAccuracy } from '../../../../ml/probes/preferences/published.ts';
import { stream } from '../../../../ml/random/stream.ts';

const PAIRS = 160;
const WIDTH = 12;
const draws = stream(5, 'test.preferences');
const prompts = Array.from({ length: PAIRS }, (_, i) => `prompt ${Math.floor(i / 2)}`);
const noise = () => Float64Array.from({ length: 2 * PAIRS * WIDTH }, () => draws.normal());
const matrix = (data: Float64Array) => ({ rows: 2 * PAIRS, columns: WIDTH, data });
/** The third coordinate of the tuned model's rows holds what it learned. */
const tuned = noise();
const rewardOf = (row: number) => 2 * (tuned[row * WIDTH + 2] as number) + 0.3 * draws.normal();
const rewards = Float64Array.from({ length: PAIRS }, (_, i) => 0.5 + rewardOf(2 * i) - rewardOf(2 * i + 1));
const options = { seed: 0, folds: 5, shuffles: 60, replicates: 400, level: 0.95 };

test('finds a learned reward in the activations that hold it, and in no others', () => {
  const { readings, implicit } = readLearnedReward(
    [
      { name: 'tuned', claim: true, rows: matrix(tuned) },
      { name: 'base', claim: false, rows: matrix(noise()) },
    ],
    rewards,
    prompts,
    options,
  );
  const [own, base] = readings;
  expect(own!.measures.tau.value).toBeGreaterThan(0.7);
  expect(own!.measures.agrees.value).toBeGreaterThan(0.85);
  expect(own!.measures.tau).toMatchObject({ n: PAIRS / 2, n_unit: 'prompt' });
  expect(own!.chance!.p_value).toBeCloseTo(1 / 61, 10);
  expect(own!.gap).toBeNull();
  expect(Math.abs(base!.measures.tau.value)).toBeLessThan(0.2);
  expect(base!.gap!.ci_low).toBeGreaterThan(0.4);
  expect(base!.gap!.p_value).toBeCloseTo(1 / 61, 10);
  const positive = rewards.filter((reward) => reward > 0).length / PAIRS;
  expect(implicit.value).toBeCloseTo(positive, 12);
});

test('without anything learned there is no gap, and the label of a pair is not in the target', () => {
  // Preferred responses stand out in both models; the reward has nothing to do with it.
  const marked = () => noise().map((value, at) => value + (Math.floor(at / WIDTH) % 2 === 0 ? 3 : 0));
  const unrelated = Float64Array.from({ length: PAIRS }, () => draws.normal());
  const { readings } = readLearnedReward(
    [
      { name: 'tuned', claim: true, rows: matrix(marked()) },
      { name: 'base', claim: false, rows: matrix(marked()) },
    ],
    unrelated,
    prompts,
    options,
  );
  const gap = readings[1]!.gap!;
  expect(gap.ci_low!).toBeLessThan(0);
  expect(gap.ci_high!).toBeGreaterThan(0);
  expect(gap.p_value!).toBeGreaterThan(0.05);
});

test('the same pairs give the same numbers', () => {
  const run = () =>
    readLearnedReward([{ name: 'tuned', claim: true, rows: matrix(tuned) }], rewards, prompts, options);
  expect(run()).toEqual(run());
});

test('the published classifier takes any difference between the classes for a finding', () => {
  const texts = Array.from({ length: 2 * PAIRS }, (_, i) => `text ${i}`);
  const marked = noise().map((value, at) => value + (Math.floor(at / WIDTH) % 2 === 0 ? 2 : 0));
  for (const split of ['response', 'prompt'] as const) {
    const found = publishedAccuracy(matrix(marked), texts, prompts, { seed: 0, split });
    expect(found.value).toBeGreaterThan(0.9);
    const none = publishedAccuracy(matrix(noise()), texts, prompts, { seed: 0, split });
    expect(none.ci_low!).toBeLessThan(0.5);
    expect(found).toMatchObject({ n: 64, n_unit: 'response' });
  }
  // Of equal texts the first counts.
  const twice = texts.map((_, i) => `text ${i >> 1}`);
  expect(() => publishedAccuracy(matrix(marked), twice, prompts, { seed: 0, split: 'response' })).toThrow(
    'all labels are equal',
  );
});
