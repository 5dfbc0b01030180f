import type * as tfTypes from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../../ml/engine/engine.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { type Encoding, measure } from '../../../../ml/sae/measure.ts';
import { meanCosine } from '../../../../ml/sae/metrics/cosine.ts';
import { deadFraction } from '../../../../ml/sae/metrics/dead-fraction.ts';
import { densityHistogram } from '../../../../ml/sae/metrics/density.ts';
import { l0, l1 } from '../../../../ml/sae/metrics/l0.ts';
import { l2Ratio } from '../../../../ml/sae/metrics/l2-ratio.ts';
import { totalMoments } from '../../../../ml/sae/metrics/moments.ts';
import { meanSquaredError, squaredErrorPerRow } from '../../../../ml/sae/metrics/mse.ts';
import { relativeReconstructionBias } from '../../../../ml/sae/metrics/relative-bias.ts';
import { fractionExplained, fractionUnexplained } from '../../../../ml/sae/metrics/variance-explained.ts';
import { StandardAutoencoder } from '../../../../ml/sae/standard.ts';
import { type DictionaryLearningSection, flat, fromTorch, type Matrix, section } from '../fixture.ts';

const tf = tensorflow();
const D = 5;
const N = 64;
// Activations with a mean far from 0, as those of real layers.
const acts = stream(2, 'test.acts')
  .normals(N * D)
  .map((value, i) => value + 3 * (i % D));
const mean = Float32Array.from({ length: D }, (_, d) => {
  let sum = 0;
  for (let n = 0; n < N; n++) sum += acts[n * D + d]!;
  return sum / N;
});

/** Reconstructs by `decode(acts)` whatever the features; one feature that is always on, one that never is. */
function predictor(decode: (acts_ND: tfTypes.Tensor2D) => tfTypes.Tensor2D): Encoding {
  let seen: tfTypes.Tensor2D | undefined;
  return {
    width: D,
    features: 2,
    encode(acts_ND) {
      seen = tf.keep(acts_ND.clone());
      return tf.concat(
        [tf.ones([acts_ND.shape[0], 1]), tf.zeros([acts_ND.shape[0], 1])],
        1,
      ) as tfTypes.Tensor2D;
    },
    decode: () => decode(seen as tfTypes.Tensor2D),
  };
}
const of = (decode: (acts_ND: tfTypes.Tensor2D) => tfTypes.Tensor2D) =>
  totalMoments(measure(predictor(decode), acts).moments);

test('a perfect reconstruction explains everything', () => {
  const m = of((x) => x.clone());
  expect(fractionExplained(m)).toBe(1);
  expect(fractionUnexplained(m)).toBe(0);
  expect(meanSquaredError(m)).toBe(0);
  expect(meanCosine(m)).toBeCloseTo(1, 12);
  expect(l2Ratio(m)).toBeCloseTo(1, 12);
  expect(relativeReconstructionBias(m)).toBeCloseTo(1, 12);
});

test('the mean explains nothing', () => {
  const m = of((x) => tf.tile(tf.tensor2d(mean, [1, D]), [x.shape[0], 1]));
  expect(fractionExplained(m)).toBeCloseTo(0, 6);
  expect(fractionUnexplained(m)).toBeCloseTo(1, 6);
});

test('any other constant explains nothing either, and leaves more than all variance unexplained', () => {
  const m = of((x) => tf.zeros(x.shape));
  expect(fractionExplained(m)).toBeCloseTo(0, 6);
  expect(fractionUnexplained(m)).toBeGreaterThan(2);
  expect(relativeReconstructionBias(m)).toBeNaN();
  expect(l2Ratio(m)).toBe(0);
});

test('a shrunk reconstruction shows in ratio and bias, not in the cosine', () => {
  const m = of((x) => x.mul(0.5));
  expect(l2Ratio(m)).toBeCloseTo(0.5, 6);
  expect(relativeReconstructionBias(m)).toBeCloseTo(0.5, 6);
  expect(meanCosine(m)).toBeCloseTo(1, 6);
});

test('the two squared errors differ by the width', () => {
  const m = of((x) => x.add(2) as tfTypes.Tensor2D);
  expect(meanSquaredError(m)).toBeCloseTo(4, 5);
  expect(squaredErrorPerRow(m)).toBeCloseTo(4 * D, 4);
});

test('features that never fire are dead; the histogram holds every feature once', () => {
  const { firings, moments } = measure(
    predictor((x) => x.clone()),
    acts,
  );
  expect(firings).toEqual({ rows: N, counts_F: Float64Array.from([N, 0]) });
  expect(deadFraction(firings)).toBe(0.5);
  expect(l0(totalMoments(moments))).toBe(1);
  const { counts, edges, below1e5 } = densityHistogram(firings);
  expect(counts.reduce((sum, count) => sum + count)).toBe(2);
  expect([counts[0], counts.at(-1)]).toEqual([1, 1]);
  expect([edges[0], edges.at(-1)]).toEqual([-10, 0]);
  expect(below1e5).toBe(0.5);
});

test('measures of groups add up to those of the whole, chunk by chunk', () => {
  const many = stream(4, 'test.many').normals(5000 * D);
  const groups = Int32Array.from({ length: 5000 }, (_, n) => Math.floor(n / 37));
  const shrink = predictor((x) => x.mul(0.9));
  const parts = measure(shrink, many, groups).moments;
  expect(parts).toHaveLength(136);
  expect(fractionExplained(totalMoments(parts))).toBeCloseTo(
    fractionExplained(totalMoments(measure(shrink, many).moments)),
    12,
  );
  expect(totalMoments(parts, Int32Array.of(3, 3)).rows).toBe(74);
});

test('all are those of dictionary_learning', () => {
  const { x, out } = section<{ x: Matrix; out: Record<string, number> }>('metrics_dl');
  const { init } = section<DictionaryLearningSection>('sae_dl_standard');
  const { moments, firings } = measure(new StandardAutoencoder(6, 10, fromTorch(init), { l1: 0.1 }), flat(x));
  const m = totalMoments(moments);
  expect(l1(m)).toBeCloseTo(out.l1_loss!, 5);
  expect(l0(m)).toBe(out.l0!);
  expect(fractionExplained(m)).toBeCloseTo(out.frac_variance_explained!, 5);
  expect(meanCosine(m)).toBeCloseTo(out.cossim!, 5);
  expect(l2Ratio(m)).toBeCloseTo(out.l2_ratio!, 5);
  expect(relativeReconstructionBias(m)).toBeCloseTo(out.relative_reconstruction_bias!, 5);
  expect(1 - deadFraction(firings)).toBe(out.frac_alive!);
});
