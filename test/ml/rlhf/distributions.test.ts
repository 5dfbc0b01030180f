import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { tokenLogProbs } from '../../../ml/engine/token-log-probs.ts';
import { entropy, fullKl } from '../../../ml/rlhf/distributions.ts';
import { largestDifference, referenceMaths } from './reference-maths.ts';

const tf = tensorflow();
const fixture = referenceMaths<{
  logits: number[][][];
  labels: number[][];
  logprobs: number[][];
  entropy: number[][];
}>('logprobs_entropy');
const rows = <T>(nested: T[][]): T[] => nested.flat();
const logits_NV = tf.tensor2d(rows(fixture.logits));

test('token log-probabilities equal the reference', () => {
  const labels_N = tf.tensor1d(rows(fixture.labels), 'int32');
  expect(
    largestDifference([tokenLogProbs(logits_NV, labels_N).dataSync()], [rows(fixture.logprobs)]),
  ).toBeLessThan(1e-5);
});

test('the entropy of each position equals the reference, and its masked mean the PPO statistic', () => {
  expect(largestDifference([entropy(logits_NV).dataSync()], [rows(fixture.entropy)])).toBeLessThan(1e-5);

  const { inputs, cases } = referenceMaths<{
    inputs: { logits: number[][][]; mask: number[][] };
    cases: Record<string, { stats: Record<string, number> }>;
  }>('ppo_trl_v0.7.11');
  const all = entropy(tf.tensor2d(rows(inputs.logits))).dataSync();
  const real = Array.from(all).filter((_, n) => rows(inputs.mask)[n] === 1);
  const mean = real.reduce((sum, value) => sum + value, 0) / real.length;
  for (const { stats } of Object.values(cases)) expect(mean).toBeCloseTo(stats['policy/entropy']!, 5);
});

test('the full KL equals its definition and is zero between equals', () => {
  const other_NV = logits_NV.reverse(1);
  const kl = fullKl(logits_NV as typeof other_NV, other_NV).dataSync();
  for (const [n, row] of rows(fixture.logits).entries()) {
    const softmax = (values: number[]) => {
      const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
      return values.map((value) => Math.exp(value) / total);
    };
    const p = softmax(row);
    const q = softmax([...row].reverse());
    expect(kl[n]).toBeCloseTo(
      p.reduce((sum, value, v) => sum + value * Math.log(value / q[v]!), 0),
      5,
    );
  }
  expect(Math.max(...Array.from(fullKl(logits_NV, logits_NV).dataSync(), Math.abs))).toBe(0);
});
