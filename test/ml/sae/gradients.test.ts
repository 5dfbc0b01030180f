import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { AUXILIARY_FORMS } from '../../../ml/sae/auxiliary-loss.ts';
import { StandardAutoencoder } from '../../../ml/sae/standard.ts';
import { TOPK_DEFAULTS, TopKAutoencoder } from '../../../ml/sae/topk.ts';
import type { StepResult } from '../../../ml/sae/types.ts';
import {
  type DictionaryLearningSection,
  difference,
  flat,
  fromTorch,
  type Matrix,
  section,
  type TorchWeights,
  transpose,
} from './fixture.ts';

const tf = tensorflow();
const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };
const TOLERANCE = 1e-5;

function expectGradients(result: StepResult, torch: TorchWeights): void {
  const wanted = fromTorch(torch);
  expect(difference(result.gradients.get('encoder')!.dataSync(), wanted.encoder_FD)).toBeLessThan(TOLERANCE);
  expect(difference(result.gradients.get('decoder')!.dataSync(), wanted.decoder_FD)).toBeLessThan(TOLERANCE);
  expect(difference(result.gradients.get('encoder_bias')!.dataSync(), wanted.encoderBias_F)).toBeLessThan(
    TOLERANCE,
  );
  expect(difference(result.gradients.get('decoder_bias')!.dataSync(), wanted.decoderBias_D)).toBeLessThan(
    TOLERANCE,
  );
}

test('standard: losses and gradients are those of dictionary_learning', () => {
  const { init, steps, hparams } = section<DictionaryLearningSection>('sae_dl_standard');
  const step = steps[0]!;
  const autoencoder = new StandardAutoencoder(6, 10, fromTorch(init), { l1: hparams.l1_penalty! });
  const result = autoencoder.backward(tf.tensor2d(step.x), context);
  expect(result.losses.loss.dataSync()[0]).toBeCloseTo(step.losses.loss!, 5);
  expect(result.losses.l1!.dataSync()[0]).toBeCloseTo(step.losses.sparsity_loss!, 5);
  expectGradients(result, step.raw_grads!);
});

test.each([
  ['sae_dl_topk', []],
  ['sae_dl_topk_auxk', [2, 5, 7]],
])('topk: losses and gradients are those of dictionary_learning (%s)', (name, dead) => {
  const { init, steps, hparams } = section<DictionaryLearningSection>(name);
  const step = steps[0]!;
  expect(hparams.auxk_alpha).toBe(TOPK_DEFAULTS.auxiliaryCoefficient);
  const autoencoder = new TopKAutoencoder(6, 10, fromTorch(init), { ...TOPK_DEFAULTS, k: 3 });
  const result = autoencoder.backward(tf.tensor2d(step.x), { ...context, dead: Int32Array.from(dead) });
  expect(result.losses.loss.dataSync()[0]).toBeCloseTo(step.losses.loss!, 5);
  expect(result.losses.auxiliary!.dataSync()[0]).toBeCloseTo(step.losses.auxk_loss!, 5);
  expectGradients(result, step.raw_grads!);
});

test('topk: variance-normalised losses and their gradients are those of sparsify', () => {
  const fixture = section<{
    x: Matrix;
    dead: number[];
    fvu: number;
    auxk_loss: number;
    sae_out: Matrix;
    acts: Matrix;
    idx: number[][];
    grads: { W_dec: Matrix; b_dec: number[]; 'encoder.weight': Matrix; 'encoder.bias': number[] };
  }>('sparsify_topk');
  const { init } = section<DictionaryLearningSection>('sae_dl_topk');
  const autoencoder = new TopKAutoencoder(6, 10, fromTorch(init), {
    k: 3,
    auxiliaryCoefficient: 1 / 32,
    auxiliaryForm: AUXILIARY_FORMS.sparsify,
    reconstruction: 'fvu',
  });
  const x = tf.tensor2d(fixture.x);
  const result = autoencoder.backward(x, { ...context, dead: Int32Array.from(fixture.dead) });
  expect(result.losses.reconstruction!.dataSync()[0]).toBeCloseTo(fixture.fvu, 5);
  expect(result.losses.auxiliary!.dataSync()[0]).toBeCloseTo(fixture.auxk_loss, 5);
  const reconstruction = autoencoder.decode(autoencoder.encode(x));
  expect(difference(reconstruction.dataSync(), flat(fixture.sae_out))).toBeLessThan(TOLERANCE);
  expectGradients(result, {
    'encoder.weight': fixture.grads['encoder.weight'],
    'encoder.bias': fixture.grads['encoder.bias'],
    'decoder.weight': transpose(fixture.grads.W_dec),
    b_dec: fixture.grads.b_dec,
  });
});

test('topk: un-normalised auxiliary loss and its gradients are those of SAELens', () => {
  const fixture = section<{
    x: Matrix;
    dead: number[];
    losses: { mse_loss: number; auxiliary_reconstruction_loss: number };
    sae_out: Matrix;
    params: { W_enc: Matrix; W_dec: Matrix; b_enc: number[]; b_dec: number[] };
    grads: { W_enc: Matrix; W_dec: Matrix; b_enc: number[]; b_dec: number[] };
  }>('sae_saelens_topk');
  const torch = (p: typeof fixture.params): TorchWeights => ({
    'encoder.weight': transpose(p.W_enc),
    'encoder.bias': p.b_enc,
    'decoder.weight': transpose(p.W_dec),
    b_dec: p.b_dec,
  });
  const autoencoder = new TopKAutoencoder(6, 10, fromTorch(torch(fixture.params)), {
    k: 3,
    auxiliaryCoefficient: 1,
    auxiliaryForm: AUXILIARY_FORMS.saelens,
    reconstruction: 'squared-error',
  });
  const x = tf.tensor2d(fixture.x);
  const result = autoencoder.backward(x, { ...context, dead: Int32Array.from(fixture.dead) });
  expect(result.losses.reconstruction!.dataSync()[0]).toBeCloseTo(fixture.losses.mse_loss, 5);
  expect(result.losses.auxiliary!.dataSync()[0]).toBeCloseTo(fixture.losses.auxiliary_reconstruction_loss, 4);
  const reconstruction = autoencoder.decode(autoencoder.encode(x));
  expect(difference(reconstruction.dataSync(), flat(fixture.sae_out))).toBeLessThan(TOLERANCE);
  expectGradients(result, torch(fixture.grads));
});
