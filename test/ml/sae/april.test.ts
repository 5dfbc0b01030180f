import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { APRIL_DEFAULTS, AprilAutoencoder } from '../../../ml/sae/april.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import {
  type DictionaryLearningSection,
  difference,
  flat,
  fromTorch,
  type SaeLensSection,
  section,
  type TorchWeights,
  transpose,
} from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';

const tf = tensorflow();

const named = (weights: TorchWeights): Record<string, ArrayLike<number>> => {
  const { encoder_FD, decoder_FD, encoderBias_F } = fromTorch({ ...weights, bias: [] });
  return {
    encoder: encoder_FD,
    decoder: decoder_FD,
    encoder_bias: encoderBias_F,
    decoder_bias: weights['decoder.bias'] as number[],
  };
};

test('with the norm squared, three steps are those of dictionary_learning', () => {
  const fixture = section<DictionaryLearningSection>('sae_dl_april');
  const weights = { ...fromTorch({ ...fixture.init, bias: fixture.init['decoder.bias']! }) };
  const create = () =>
    new AprilAutoencoder(6, 10, weights, {
      l1: fixture.hparams.l1_penalty!,
      l1Weight: 'decoder-norm-squared',
      subtractsDecoderBias: false,
    });
  const [first] = fixture.steps;
  const result = create().backward(tf.tensor2d(first!.x), { step: 0, sparsity: 1, dead: new Int32Array(0) });
  expect(result.losses.l1!.dataSync()[0]).toBeCloseTo(first!.losses.sparsity_loss!, 5);
  expectParameters(result.gradients, named(first!.raw_grads!), 1e-5);

  const trainer = new Trainer(create(), packageOptions(fixture, { maxGradientNorm: 1 }));
  fixture.steps.forEach((step, i) => {
    const losses = trainer.step(i, tf.tensor2d(step.x));
    expect(losses.loss! / step.losses.loss!).toBeCloseTo(1, 5);
    if (step.params_after) expectParameters(trainer.autoencoder.parameters, named(step.params_after), 1e-4);
  });
});

test('by default losses and gradients are those of SAELens, whose encoder reads x - b_dec', () => {
  const fixture = section<SaeLensSection>('sae_saelens_standard');
  const autoencoder = new AprilAutoencoder(
    6,
    10,
    {
      encoder_FD: flat(transpose(fixture.params.W_enc)),
      decoder_FD: flat(fixture.params.W_dec),
      encoderBias_F: Float32Array.from(fixture.params.b_enc!),
      decoderBias_D: Float32Array.from(fixture.params.b_dec),
    },
    { ...APRIL_DEFAULTS, l1: fixture.coefficients.l1!, subtractsDecoderBias: true },
  );
  const x = tf.tensor2d(fixture.x);
  const { losses, gradients } = autoencoder.backward(x, { step: 0, sparsity: 1, dead: new Int32Array(0) });
  expect(losses.loss.dataSync()[0]).toBeCloseTo(fixture.loss, 5);
  expect(losses.reconstruction!.dataSync()[0]).toBeCloseTo(fixture.losses.mse_loss!, 5);
  expectParameters(
    gradients,
    {
      encoder: flat(transpose(fixture.grads.W_enc)),
      decoder: flat(fixture.grads.W_dec),
      encoder_bias: fixture.grads.b_enc!,
      decoder_bias: fixture.grads.b_dec,
    },
    1e-5,
  );
  const reconstruction = autoencoder.decode(autoencoder.encode(x));
  expect(difference(reconstruction.dataSync(), flat(fixture.sae_out))).toBeLessThan(1e-5);
});

test('features are given out with the norms of their rows, which the dictionary has at 1', () => {
  const fixture = section<SaeLensSection>('sae_saelens_standard');
  const decoder_FD = flat(fixture.params.W_dec).map((value, i) => value * (1 + Math.floor(i / 6)));
  const weights = {
    encoder_FD: flat(transpose(fixture.params.W_enc)),
    decoder_FD,
    encoderBias_F: Float32Array.from(fixture.params.b_enc!),
    decoderBias_D: Float32Array.from(fixture.params.b_dec),
  };
  const autoencoder = new AprilAutoencoder(6, 10, weights, APRIL_DEFAULTS);
  const x = tf.tensor2d(fixture.x);
  const unit = autoencoder.inferenceWeights();
  for (let f = 0; f < 10; f++) {
    expect(Math.hypot(...unit.decoder_FD.subarray(6 * f, 6 * f + 6))).toBeCloseTo(1, 6);
  }
  // The loss that training reports is that of the reconstruction from these features.
  const again = new AprilAutoencoder(6, 10, unit, APRIL_DEFAULTS);
  expect(difference(again.encode(x).dataSync(), autoencoder.encode(x).dataSync())).toBeLessThan(1e-5);
  const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };
  const reported = (of: AprilAutoencoder) => of.backward(x, context).losses.loss.dataSync()[0]!;
  expect(reported(again)).toBeCloseTo(reported(autoencoder), 4);
});
