import type * as tfTypes from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { stream } from '../../../ml/random/stream.ts';
import { orthogonal, xavierUniform } from '../../../ml/sae/initial-weights.ts';
import { L1TiedAutoencoder, type L1TiedOptions } from '../../../ml/sae/l1-tied.ts';
import { difference } from './fixture.ts';

const tf = tensorflow();
const D = 6;
const F = 9;
const draw = stream(5, 'test.l1-tied');
const weights = {
  encoder_FD: xavierUniform(F, D, draw),
  encoderBias_F: draw.normals(F, 0.1),
  decoderBias_D: draw.normals(D, 0.1),
};
const x = tf.tensor2d(draw.normals(16 * D), [16, D]);

/** The published forward pass, written out for TensorFlow.js to differentiate. */
function published({ l1, norm }: L1TiedOptions) {
  const W = tf.variable(tf.tensor2d(weights.encoder_FD, [F, D]));
  const b_e = tf.variable(tf.tensor1d(weights.encoderBias_F));
  const b_d = tf.variable(tf.tensor1d(weights.decoderBias_D));
  const unit = () => W.div(W.norm('euclidean', 1, true)) as tfTypes.Tensor2D;
  if (norm === 'in-place') W.assign(unit());
  const loss = () => {
    const rows = norm === 'in-graph' ? unit() : W;
    const f = tf
      .matMul(x, rows as tfTypes.Tensor2D, false, true)
      .add(b_e)
      .relu() as tfTypes.Tensor2D;
    const x_hat = tf.matMul(f, rows as tfTypes.Tensor2D).add(b_d);
    return x.sub(x_hat).square().mean().add(f.abs().sum(1).mean().mul(l1)) as tfTypes.Scalar;
  };
  const { value, grads } = tf.variableGrads(loss, [W, b_e, b_d]);
  const of = (variable: tfTypes.Variable) => grads[variable.name]!.dataSync();
  return { loss: value.dataSync()[0]!, encoder: of(W), encoder_bias: of(b_e), decoder_bias: of(b_d) };
}

test.each([
  { l1: 0.05, norm: 'in-place' },
  { l1: 0.05, norm: 'in-graph' },
] as const)('loss and gradients are those of the published formula ($norm)', (options) => {
  const wanted = published(options);
  const { losses, gradients } = new L1TiedAutoencoder(D, F, weights, options).backward(x, {
    step: 0,
    sparsity: 1,
    dead: new Int32Array(0),
  });
  expect(losses.loss.dataSync()[0]).toBeCloseTo(wanted.loss, 6);
  for (const name of ['encoder', 'encoder_bias', 'decoder_bias'] as const) {
    expect(difference(gradients.get(name)!.dataSync(), wanted[name]), name).toBeLessThan(1e-5);
  }
});

test('rows act at unit norm, in both directions, whatever is stored', () => {
  for (const norm of ['in-place', 'in-graph'] as const) {
    const { encoder_FD, decoder_FD } = new L1TiedAutoencoder(D, F, weights, {
      l1: 0,
      norm,
    }).inferenceWeights();
    expect(encoder_FD).toEqual(decoder_FD);
    for (let f = 0; f < F; f++)
      expect(Math.hypot(...encoder_FD.subarray(f * D, (f + 1) * D))).toBeCloseTo(1, 5);
  }
});

test('an orthogonal start has orthonormal columns, or rows when those are fewer', () => {
  for (const [rows, columns] of [
    [9, 6],
    [4, 7],
  ] as const) {
    const Q = tf.tensor2d(orthogonal(rows, columns, stream(1, 'test.orthogonal')), [rows, columns]);
    const product = rows >= columns ? tf.matMul(Q, Q, true) : tf.matMul(Q, Q, false, true);
    expect(difference(product.dataSync(), tf.eye(Math.min(rows, columns)).dataSync())).toBeLessThan(1e-6);
  }
});
