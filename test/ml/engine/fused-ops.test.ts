import type * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { crossEntropy, plainCrossEntropy } from '../../../ml/engine/cross-entropy.ts';
import { embed } from '../../../ml/engine/embedding.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gelu, geluTanh } from '../../../ml/engine/gelu.ts';
import { layerNorm, layerNorms } from '../../../ml/engine/layer-norm.ts';
import { linear } from '../../../ml/engine/linear.ts';
import { linearCrossEntropy, linearCrossEntropyRows } from '../../../ml/engine/linear-cross-entropy.ts';
import { addBoth } from '../../../ml/engine/residual.ts';
import { tokenLogProbs } from '../../../ml/engine/token-log-probs.ts';
import { keepTopK, topK } from '../../../ml/engine/top-k.ts';
import { stream } from '../../../ml/random/stream.ts';

const tf_ = tensorflow();
const normal = (name: string, shape: number[], scale = 1) =>
  tf_.tensor(
    stream(3, name).normals(
      shape.reduce((a, b) => a * b, 1),
      scale,
    ),
    shape,
  );
const labels = () => tf_.tensor1d([3, 0, 6, 3, 1], 'int32');

const manyLabels = () =>
  tf_.tensor1d(
    Int32Array.from({ length: 600 }, (_, i) => (i * 37) % 5000),
    'int32',
  );
const manyWeights = () => normal('weights', [600]).abs().div(600) as tf.Tensor1D;

interface Case {
  name: string;
  inputs: () => tf.Tensor[];
  fused: (...inputs: tf.Tensor[]) => tf.Tensor;
  plain: (...inputs: tf.Tensor[]) => tf.Tensor;
  tolerance?: number;
}

const as2 = (x: tf.Tensor | undefined) => x as tf.Tensor2D;
const as1 = (x: tf.Tensor | undefined) => x as tf.Tensor1D;

const cases: Case[] = [
  {
    name: 'linear',
    inputs: () => [normal('x', [5, 4]), normal('w', [3, 4]), normal('b', [3])],
    fused: (x, w, b) => linear(as2(x), as2(w), as1(b)),
    plain: (x, w, b) => (x as tf.Tensor).matMul(as2(w), false, true).add(as1(b)),
  },
  {
    name: 'linear without bias',
    inputs: () => [normal('x', [5, 4]), normal('w', [3, 4])],
    fused: (x, w) => linear(as2(x), as2(w)),
    plain: (x, w) => (x as tf.Tensor).matMul(as2(w), false, true),
  },
  {
    name: 'layer normalisation',
    inputs: () => [normal('x', [5, 8], 3), normal('g', [8]), normal('b', [8])],
    fused: (x, g, b) => layerNorm(as2(x), as1(g), as1(b), 1e-5),
    plain: (x, g, b) => {
      const { mean, variance } = tf_.moments(x as tf.Tensor, 1, true);
      return as2(x).sub(mean).div(variance.add(1e-5).sqrt()).mul(as1(g)).add(as1(b));
    },
    tolerance: 1e-5,
  },
  {
    name: 'gelu',
    inputs: () => [normal('x', [50, 4], 3)],
    fused: (x) => gelu(as2(x)),
    plain: (x) => as2(x).mul(0.5).mul(as2(x).mul(Math.SQRT1_2).erf().add(1)),
  },
  {
    name: 'gelu by tanh',
    inputs: () => [normal('x', [50, 4], 3)],
    fused: (x) => geluTanh(as2(x)),
    plain: (x) => {
      const cube = as2(x).square().mul(as2(x));
      return as2(x)
        .mul(0.5)
        .mul(
          cube
            .mul(0.044715)
            .add(as2(x))
            .mul(Math.sqrt(2 / Math.PI))
            .tanh()
            .add(1),
        );
    },
    tolerance: 1e-5,
  },
  {
    name: 'embedding, with repeated ids',
    inputs: () => [normal('table', [7, 4])],
    fused: (table) => embed(as2(table), labels()),
    plain: (table) => tf_.oneHot(labels(), 7).matMul(as2(table)),
  },
  {
    name: 'cross-entropy',
    inputs: () => [normal('logits', [5, 7], 4)],
    fused: (logits) => crossEntropy(as2(logits), labels()),
    plain: (logits) => plainCrossEntropy(as2(logits), labels()),
  },
  {
    name: 'log-probabilities of tokens',
    inputs: () => [normal('logits', [5, 7], 4)],
    fused: (logits) => tokenLogProbs(as2(logits), labels()),
    plain: (logits) => tf_.logSoftmax(as2(logits)).mul(tf_.oneHot(labels(), 7)).sum(1),
  },
  {
    name: 'cross-entropy through an unembedding, in chunks',
    inputs: () => [normal('hidden', [600, 4]), normal('w', [5000, 4])],
    fused: (hidden, w) => linearCrossEntropy(as2(hidden), as2(w), manyLabels(), manyWeights()),
    plain: (hidden, w) =>
      plainCrossEntropy(as2(as2(hidden).matMul(as2(w), false, true)), manyLabels())
        .mul(manyWeights())
        .sum(),
    tolerance: 1e-5,
  },
  {
    name: 'parallel residual',
    inputs: () => [normal('x', [5, 4]), normal('a', [5, 4]), normal('b', [5, 4])],
    fused: (x, a, b) => addBoth(as2(x), as2(a), as2(b)),
    plain: (x, a, b) => as2(x).add(as2(a)).add(as2(b)),
  },
  {
    name: 'the k largest of each row',
    inputs: () => [normal('x', [6, 9])],
    fused: (x) => keepTopK(as2(x), 3),
    plain: (x) => {
      const rows = normal('x', [6, 9]).arraySync() as number[][];
      const third = rows.map((row) => [...row].sort((a, b) => b - a)[2] as number);
      return as2(x).mul(
        tf_.tensor2d(rows.map((row, i) => row.map((v) => Number(v >= (third[i] as number))))),
      );
    },
  },
];

describe.each(cases)('$name', ({ inputs, fused, plain, tolerance = 2e-6 }) => {
  test('its value and gradients equal those of the plain formula', () => {
    tf_.tidy(() => {
      const xs = inputs();
      const expected = plain(...xs);
      close(fused(...xs), expected, tolerance);
      const dy = normal('dy', expected.shape);
      const own = tf_.grads(fused)(xs, dy);
      const theirs = tf_.grads(plain)(xs, dy);
      for (const [i, gradient] of own.entries()) close(gradient, theirs[i] as tf.Tensor, tolerance * 5);
    });
  });

  test('it leaves no tensors behind', () => {
    const round = () =>
      tf_.tidy(() => {
        const xs = inputs();
        fused(...xs).dispose();
        tf_.dispose(tf_.grads((...all: tf.Tensor[]) => fused(...all).sum())(xs));
      });
    round();
    const before = tf_.memory().numTensors;
    round();
    expect(tf_.memory().numTensors).toBe(before);
  });
});

test('cross-entropy of single rows through an unembedding equals the plain formula', () => {
  const hidden = as2(normal('hidden', [600, 4]));
  const w = as2(normal('w', [5000, 4]));
  close(
    linearCrossEntropyRows(hidden, w, manyLabels()),
    plainCrossEntropy(as2(hidden.matMul(w, false, true)), manyLabels()),
    1e-6,
  );
});

test('layer normalisation gives the same with and without a gradient', () => {
  const x = as2(normal('x', [64, 32], 3));
  const [gain, bias] = [as1(normal('g', [32])), as1(normal('b', [32]))];
  const outside = layerNorm(x, gain, bias, 1e-5);
  const { value } = tf_.valueAndGrad((y: tf.Tensor) => layerNorms(as2(y), 1e-5)(gain, bias))(x);
  close(value, outside, 1e-6);
});

test('topK gives values and places, largest first; ties go to the lower index', () => {
  const { values_NK, indices_NK } = topK(
    tf_.tensor2d([
      [1, 5, 5, 2],
      [0, -1, -2, -3],
    ]),
    2,
  );
  expect(values_NK.arraySync()).toEqual([
    [5, 5],
    [0, -1],
  ]);
  expect(indices_NK.arraySync()).toEqual([
    [1, 2],
    [0, 1],
  ]);
});

test('a kept value of 0 still has its gradient', () => {
  const [gradient] = tf_.grads((x: tf.Tensor) => keepTopK(as2(x), 2).sum())([tf_.tensor2d([[0, -1, -2]])]);
  expect(gradient?.arraySync()).toEqual([[1, 1, 0]]);
});

function close(actual: tf.Tensor, expected: tf.Tensor, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const scale = Math.max(1, ...expected.abs().dataSync());
  const difference = Math.max(...actual.sub(expected).abs().dataSync());
  expect(difference / scale).toBeLessThan(tolerance);
}
