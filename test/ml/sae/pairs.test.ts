import { readFileSync } from 'node:fs';
import type * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { AUXILIARY_FORMS } from '../../../ml/sae/auxiliary-loss.ts';
import { Crosscoder, type CrosscoderOptions } from '../../../ml/sae/crosscoder.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import { Transcoder } from '../../../ml/sae/transcoder.ts';
import type { SparseAutoencoder } from '../../../ml/sae/types.ts';
import { difference, flat, type Matrix, transpose } from './fixture.ts';
import { expectParameters } from './packages.ts';

type Parameters = Record<string, Matrix | number[]>;
interface Steps {
  params: Parameters;
  losses: Record<string, number>;
  out: Matrix;
  grads: Parameters;
  params_after: Parameters;
}
const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/sae-pairs.json', import.meta.url), 'utf8'),
) as {
  x: Matrix;
  y: Matrix;
  transcoder: Record<string, Steps>;
  crosscoder: Record<'l1' | 'batch-topk', Steps>;
};
const backend = tensorflow();
const x = backend.tensor2d(fixture.x);
const y = backend.tensor2d(fixture.y);
const none = { step: 0, sparsity: 1, dead: new Int32Array(0) };

function trainerOf(autoencoder: SparseAutoencoder): Trainer {
  return new Trainer(autoencoder, {
    ...{ learningRate: 0.01, schedule: () => 1, sparsity: () => 1, maxGradientNorm: null },
    ...{ deadAfter: 1000, threshold: { beta: 0.999, from: 0 } },
  });
}

/** Losses and gradients of the first step, reconstructions, and the weights after three. */
function expectSteps(
  autoencoder: SparseAutoencoder,
  { losses, grads, params_after: after }: Steps,
  named: (parameters: Parameters) => Record<string, ArrayLike<number>>,
  target?: tf.Tensor2D,
): void {
  const result = autoencoder.backward(x, { ...none, ...(target && { target_BE: target }) });
  for (const [name, value] of Object.entries(losses))
    expect(result.losses[name]!.dataSync()[0]! / value, name).toBeCloseTo(1, 5);
  expectParameters(result.gradients, named(grads), 1e-5);
  const trainer = trainerOf(autoencoder);
  for (let step = 0; step < 3; step++) trainer.step(step, x, target);
  expectParameters(autoencoder.parameters, named(after), 1e-4);
}

describe.each(['Transcoder', 'SkipTranscoder'])("SAELens' %s", (name) => {
  const steps = fixture.transcoder[name]!;
  const named = (p: Parameters) => ({
    encoder: flat(transpose(p.W_enc as Matrix)),
    decoder: flat(p.W_dec as Matrix),
    encoder_bias: Float32Array.from(p.b_enc as number[]),
    decoder_bias: Float32Array.from(p.b_dec as number[]),
    ...(p.W_skip && { skip: flat(p.W_skip as Matrix) }),
  });
  const create = () => {
    const { encoder, decoder, encoder_bias, decoder_bias, skip } = named(steps.params);
    const weights = {
      ...{
        encoder_FD: encoder,
        decoder_FD: decoder,
        encoderBias_F: encoder_bias,
        decoderBias_D: decoder_bias,
      },
      ...(skip && { skip_ED: skip }),
    };
    return new Transcoder(6, 5, 10, weights, { l1: 0.1 });
  };

  test('losses, gradients and three steps', () => expectSteps(create(), steps, named, y));

  test('reconstructions, by the weights of the dictionary too, whose rows have unit norm', () => {
    const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D, skip_ED } = create().inferenceWeights();
    const skipped = skip_ED
      ? backend.matMul(x, backend.tensor2d(skip_ED, [5, 6]), false, true)
      : backend.zeros([8, 5]);
    const features = backend
      .matMul(x, backend.tensor2d(encoder_FD, [10, 6]), false, true)
      .add(encoderBias_F)
      .relu();
    const out = backend
      .matMul(features as tf.Tensor2D, backend.tensor2d(decoder_FD, [10, 5]))
      .add(decoderBias_D);
    expect(difference(out.add(skipped).dataSync(), flat(steps.out))).toBeLessThan(1e-5);
    const own = create();
    expect(difference(own.encode(x).dataSync(), features.dataSync())).toBeLessThan(1e-5);
    expect(difference(own.decode(own.encode(x)).add(skipped).dataSync(), flat(steps.out))).toBeLessThan(1e-5);
    for (let f = 0; f < 10; f++)
      expect(Math.hypot(...decoder_FD.subarray(5 * f, 5 * f + 5))).toBeCloseTo(1, 5);
  });
});

describe.each(['l1', 'batch-topk'] as const)('a crosscoder with %s', (sparsity) => {
  const steps = fixture.crosscoder[sparsity];
  const beside = (rows: [Matrix, Matrix]) => flat(rows[0].map((row, i) => [...row, ...rows[1][i]!]));
  const named = (p: Parameters) => ({
    encoder: beside([transpose(p['W_enc.0'] as Matrix), transpose(p['W_enc.1'] as Matrix)]),
    decoder: beside([p['W_dec.0'] as Matrix, p['W_dec.1'] as Matrix]),
    encoder_bias: Float32Array.from(p.b_enc as number[]),
    decoder_bias: Float32Array.from([...(p['b_dec.0'] as number[]), ...(p['b_dec.1'] as number[])]),
  });
  const create = () => {
    const { encoder, decoder, encoder_bias, decoder_bias } = named(steps.params);
    const weights = {
      ...{
        encoder_FD: encoder,
        decoder_FD: decoder,
        encoderBias_F: encoder_bias,
        decoderBias_D: decoder_bias,
      },
    };
    const options: CrosscoderOptions =
      sparsity === 'l1'
        ? { models: 2, sparsity, l1: 0.1 }
        : {
            ...{ models: 2, sparsity, k: 3, reconstruction: 'squared-error' },
            ...{ auxiliaryCoefficient: 1 / 32, auxiliaryForm: AUXILIARY_FORMS['dictionary-learning'] },
          };
    return new Crosscoder(6, 10, weights, options);
  };

  test('losses, gradients and three steps are those of plain torch', () =>
    expectSteps(create(), steps, named));

  test('reconstructions; the norms that a feature writes sum to 1 over the models', () => {
    const own = create();
    const features = own.encode(x);
    expect(difference(own.decode(features).dataSync(), flat(steps.out))).toBeLessThan(1e-5);
    const smallest = sparsity === 'l1' ? null : own.backward(x, none).smallestKept!;
    const { encoder_FD, decoder_FD, encoderBias_F, threshold_F } = own.inferenceWeights(smallest);
    const pre = backend.matMul(x, backend.tensor2d(encoder_FD, [10, 6]), false, true).add(encoderBias_F);
    // What fires at the batch's own threshold, that one itself not among it, is what the batch kept.
    const fires = threshold_F ? pre.greater(backend.tensor1d(threshold_F).mul(1 - 1e-6)).cast('float32') : 1;
    expect(difference(pre.relu().mul(fires).dataSync(), features.dataSync())).toBeLessThan(1e-5);
    for (let f = 0; f < 10; f++) {
      const row = decoder_FD.subarray(6 * f, 6 * f + 6);
      expect(Math.hypot(...row.subarray(0, 3)) + Math.hypot(...row.subarray(3))).toBeCloseTo(1, 5);
    }
  });
});
