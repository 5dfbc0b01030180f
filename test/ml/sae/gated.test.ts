import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { linear } from '../../../ml/engine/linear.ts';
import { GATED_FORMS, GatedAutoencoder, type GatedOptions } from '../../../ml/sae/gated.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import { difference, flat, type Matrix, type SaeLensSection, section, transpose } from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';

const tf = tensorflow();

interface TorchGated {
  'encoder.weight': Matrix;
  'decoder.weight': Matrix;
  decoder_bias: number[];
  r_mag: number[];
  gate_bias: number[];
  mag_bias: number[];
}

interface GatedSection {
  hparams: { lr: number; l1_penalty: number; warmup_steps: number };
  init: TorchGated;
  steps: {
    x: Matrix;
    losses: { loss: number; sparsity_loss: number; aux_loss: number };
    raw_grads?: TorchGated;
    params_after: TorchGated | null;
  }[];
}

const named = (weights: TorchGated) => ({
  encoder: flat(weights['encoder.weight']),
  decoder: flat(transpose(weights['decoder.weight'])),
  encoder_bias: weights.gate_bias,
  decoder_bias: weights.decoder_bias,
  magnitude_bias: weights.mag_bias,
  log_scale: weights.r_mag,
});

const fixture = section<GatedSection>('sae_dl_gated');
const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };

const create = (weights: TorchGated, options: GatedOptions) => {
  const all = named(weights);
  return new GatedAutoencoder(
    6,
    10,
    {
      encoder_FD: all.encoder,
      decoder_FD: all.decoder,
      encoderBias_F: Float32Array.from(all.encoder_bias),
      decoderBias_D: Float32Array.from(all.decoder_bias),
      magnitudeBias_F: Float32Array.from(all.magnitude_bias),
      logScale_F: Float32Array.from(all.log_scale),
    },
    options,
  );
};

test('three steps are those of dictionary_learning', () => {
  const options = { l1: fixture.hparams.l1_penalty, form: GATED_FORMS['dictionary-learning'] };
  const [first] = fixture.steps;
  const { losses, gradients } = create(fixture.init, options).backward(tf.tensor2d(first!.x), context);
  expect(losses.l1!.dataSync()[0]).toBeCloseTo(first!.losses.sparsity_loss, 5);
  expect(losses.auxiliary!.dataSync()[0]).toBeCloseTo(first!.losses.aux_loss, 5);
  expectParameters(gradients, named(first!.raw_grads!), 1e-5);

  const trainer = new Trainer(create(fixture.init, options), packageOptions(fixture));
  fixture.steps.forEach((step, i) => {
    const values = trainer.step(i, tf.tensor2d(step.x));
    expect(values.loss! / step.losses.loss).toBeCloseTo(1, 5);
    if (step.params_after) expectParameters(trainer.autoencoder.parameters, named(step.params_after), 1e-4);
  });
});

const lens = section<SaeLensSection>('sae_saelens_gated');
const torch = ({ W_enc, W_dec, b_dec, b_gate, b_mag, r_mag }: SaeLensSection['params']): TorchGated => ({
  'encoder.weight': transpose(W_enc),
  'decoder.weight': transpose(W_dec),
  decoder_bias: b_dec,
  gate_bias: b_gate!,
  mag_bias: b_mag!,
  r_mag: r_mag!,
});

test('losses and gradients of the other form are those of SAELens', () => {
  const autoencoder = create(torch(lens.params), { l1: lens.coefficients.l1!, form: GATED_FORMS.saelens });
  const x = tf.tensor2d(lens.x);
  const { losses, gradients } = autoencoder.backward(x, context);
  expect(losses.loss.dataSync()[0]).toBeCloseTo(lens.loss, 5);
  expect(losses.auxiliary!.dataSync()[0]).toBeCloseTo(lens.losses.auxiliary_reconstruction_loss!, 5);
  expectParameters(gradients, named(torch(lens.grads)), 1e-5);
  const reconstruction = autoencoder.decode(autoencoder.encode(x));
  expect(difference(reconstruction.dataSync(), flat(lens.sae_out))).toBeLessThan(1e-5);
});

test.each([['dictionary-learning'], ['saelens']] as const)(
  'the dictionary of the %s form is a JumpReLU',
  (form) => {
    // Gates that open before, and after, magnitudes are above 0: thresholds of both signs.
    const weights = {
      ...torch(lens.params),
      gate_bias: lens.params.b_gate!.map((_, f) => 0.3 * Math.sin(f)),
      mag_bias: lens.params.b_gate!.map((_, f) => 0.2 * Math.cos(f)),
      r_mag: lens.params.b_gate!.map((_, f) => 0.5 * Math.sin(2 * f)),
    };
    const autoencoder = create(weights, { l1: 0.1, form: GATED_FORMS[form] });
    const x = tf.tensor2d(lens.x);
    const { encoder_FD, encoderBias_F, decoderBias_D, threshold_F } = autoencoder.inferenceWeights();
    const pre_BF = linear(
      x.sub(tf.tensor1d(decoderBias_D)),
      tf.tensor2d(encoder_FD, [10, 6]),
      tf.tensor1d(encoderBias_F),
    );
    const features_BF = pre_BF.relu().mul(pre_BF.greater(tf.tensor1d(threshold_F!)).cast('float32'));
    expect(Math.max(...threshold_F!)).toBeGreaterThan(0.1);
    expect(Math.min(...threshold_F!)).toBe(0);
    const wanted = autoencoder.encode(x).dataSync();
    expect(wanted.filter((value) => value > 0).length).toBeGreaterThan(10);
    expect(difference(features_BF.dataSync(), wanted)).toBeLessThan(1e-5);
  },
);
