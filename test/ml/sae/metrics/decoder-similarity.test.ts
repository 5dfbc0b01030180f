import { expect, test } from 'vitest';
import { tensorflow } from '../../../../ml/engine/engine.ts';
import { maxCosineToOthers } from '../../../../ml/sae/metrics/decoder-similarity.ts';
import type { Matrix } from '../fixture.ts';
import { saeBench } from './sae-bench.ts';

const tf = tensorflow();

test('it is SAEBench’s', () => {
  const { decoder, max_cosine } = saeBench<{ decoder: Matrix; max_cosine: number[] }>('decoder_similarity');
  const found = maxCosineToOthers(tf.tensor2d(decoder));
  max_cosine.forEach((cosine, f) => {
    expect(found[f]).toBeCloseTo(cosine, 5);
  });
  expect(found[7]).toBeGreaterThan(0.99);
});

test('orthogonal rows share nothing, equal rows everything, over every chunk', () => {
  expect([...maxCosineToOthers(tf.eye(4))]).toEqual([0, 0, 0, 0]);
  const twice = maxCosineToOthers(tf.concat2d([tf.eye(700), tf.eye(700).mul(3)], 0));
  expect(twice).toHaveLength(1400);
  for (const cosine of twice) expect(cosine).toBeCloseTo(1, 6);
  // Opposite directions are not alike.
  expect([
    ...maxCosineToOthers(
      tf.tensor2d([
        [1, 0],
        [-2, 0],
      ]),
    ),
  ]).toEqual([-1, -1]);
});
