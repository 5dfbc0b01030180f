import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { stream } from '../../../ml/random/stream.ts';
import { JUMPRELU_DEFAULTS, JumpReluAutoencoder, type JumpReluOptions } from '../../../ml/sae/jumprelu.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import { difference, flat, type Matrix, type SaeLensSection, section, transpose } from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';

const tf = tensorflow();

interface TorchJumpRelu {
  W_enc: Matrix;
  W_dec: Matrix;
  b_enc: number[];
  b_dec: number[];
  threshold: number[];
}

interface JumpReluSection {
  hparams: { lr: number; bandwidth: number; target_l0: number; sparsity_penalty: number };
  init: TorchJumpRelu;
  steps: {
    x: Matrix;
    losses: { loss: number };
    raw_grads?: TorchJumpRelu;
    params_after: TorchJumpRelu | null;
  }[];
}

const named = ({ W_enc, W_dec, b_enc, b_dec, threshold }: TorchJumpRelu) => ({
  encoder: flat(transpose(W_enc)),
  decoder: flat(W_dec),
  encoder_bias: b_enc,
  decoder_bias: b_dec,
  threshold,
});

const fixture = section<JumpReluSection>('sae_dl_jumprelu');
const asDictionaryLearning: JumpReluOptions = {
  ...JUMPRELU_DEFAULTS,
  targetL0: fixture.hparams.target_l0,
  coefficient: fixture.hparams.sparsity_penalty,
  bandwidth: fixture.hparams.bandwidth,
  stepReads: 'activation',
};

const create = ({ W_enc, W_dec, b_enc, b_dec, threshold }: TorchJumpRelu, options: JumpReluOptions) =>
  new JumpReluAutoencoder(
    6,
    10,
    {
      encoder_FD: flat(transpose(W_enc)),
      decoder_FD: flat(W_dec),
      encoderBias_F: Float32Array.from(b_enc),
      decoderBias_D: Float32Array.from(b_dec),
      threshold_F: Float32Array.from(threshold),
    },
    options,
  );

const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };

test('with the step of the activation, three steps are those of dictionary_learning', () => {
  const [first] = fixture.steps;
  const { gradients } = create(fixture.init, asDictionaryLearning).backward(tf.tensor2d(first!.x), context);
  expectParameters(gradients, named(first!.raw_grads!), 1e-5);

  const trainer = new Trainer(
    create(fixture.init, asDictionaryLearning),
    packageOptions({ hparams: { ...fixture.hparams, warmup_steps: 2 } }, { maxGradientNorm: 1 }),
  );
  fixture.steps.forEach((step, i) => {
    const losses = trainer.step(i, tf.tensor2d(step.x));
    expect(losses.loss! / step.losses.loss).toBeCloseTo(1, 5);
    if (step.params_after) expectParameters(trainer.autoencoder.parameters, named(step.params_after), 1e-4);
  });
});

test('a threshold below half the window counts all inactive features in the step of the activation', () => {
  const low = { ...fixture.init, threshold: fixture.init.threshold.map((theta) => theta / 10) };
  const options = { ...asDictionaryLearning, bandwidth: 1 };
  const x = tf.tensor2d(fixture.steps[0]!.x);
  const { gradients, losses } = create(low, options).backward(x, context);
  const theta = low.threshold;
  const z_BF = tf.matMul(x, tf.tensor2d(low.W_enc)).add(tf.tensor1d(low.b_enc)).arraySync() as Matrix;
  // With no gradient from the reconstruction: the difference of two coefficients.
  const other = create(low, { ...options, coefficient: 0 }).backward(x, context);
  const got = gradients.get('threshold')!.sub(other.gradients.get('threshold')!).dataSync();
  const l0 = losses.l0!.dataSync()[0]!;
  const slope = (2 * (l0 / options.targetL0 - 1)) / options.targetL0 / 8;
  const wanted = theta.map((value, f) => {
    const inside = z_BF.filter((row) => Math.abs((row[f]! > value ? row[f]! : 0) - value) < 0.5).length;
    return -slope * inside;
  });
  expect(difference(got, wanted)).toBeLessThan(1e-5);
});

test.each([
  ['sae_saelens_jumprelu_step', { sparsity: 'l0' }],
  ['sae_saelens_jumprelu_tanh_preact', { sparsity: 'tanh', tanhScale: 4, preActivationCoefficient: 3e-6 }],
] as const)('losses and gradients are those of SAELens (%s)', (name, options) => {
  const lens = section<SaeLensSection>(name);
  const { W_enc, W_dec, b_enc, b_dec, log_threshold } = lens.params;
  const autoencoder = create(
    { W_enc, W_dec, b_enc: b_enc!, b_dec, threshold: log_threshold!.map(Math.exp) },
    {
      ...JUMPRELU_DEFAULTS,
      ...options,
      coefficient: lens.coefficients.l0!,
      bandwidth: 0.2,
      thresholdParameter: 'log',
      unitNorm: false,
      subtractsDecoderBias: true,
    },
  );
  const x = tf.tensor2d(lens.x);
  const { losses, gradients } = autoencoder.backward(x, {
    ...context,
    dead: Int32Array.from(lens.dead ?? []),
  });
  expect(losses.loss.dataSync()[0]).toBeCloseTo(lens.loss, 5);
  expect(losses.reconstruction!.dataSync()[0]).toBeCloseTo(lens.losses.mse_loss!, 5);
  if (lens.dead) {
    expect(losses.pre_activation!.dataSync()[0]! / lens.losses.pre_act_loss!).toBeCloseTo(1, 5);
  }
  expectParameters(
    gradients,
    {
      encoder: flat(transpose(lens.grads.W_enc)),
      decoder: flat(lens.grads.W_dec),
      encoder_bias: lens.grads.b_enc!,
      decoder_bias: lens.grads.b_dec,
      log_threshold: lens.grads.log_threshold!,
    },
    1e-5,
  );
  const reconstruction = autoencoder.decode(autoencoder.encode(x));
  expect(difference(reconstruction.dataSync(), flat(lens.sae_out))).toBeLessThan(1e-5);
});

test('the estimate by the pre-activation predicts how the number of active features moves with the threshold', () => {
  // Many rows and a wide window: the window then holds the density of z around theta.
  const F = 4;
  const draw = stream(4, 'test.jumprelu');
  const x = tf.tensor2d(draw.normals(20_000 * 6), [20_000, 6]);
  const at = (shift: number, stepReads: 'pre-activation' | 'activation') => {
    const options = { ...JUMPRELU_DEFAULTS, sparsity: 'l0', bandwidth: 0.2, stepReads } as const;
    const rows = stream(9, 'test.rows').normals(F * 6, 0.4);
    const weights = {
      encoder_FD: rows,
      // No reconstruction, hence no gradient from it.
      decoder_FD: new Float32Array(F * 6),
      encoderBias_F: new Float32Array(F),
      decoderBias_D: new Float32Array(6),
      threshold_F: new Float32Array(F).fill(0.6 + shift),
    };
    return new JumpReluAutoencoder(6, F, weights, options).backward(x, context);
  };
  const total = (result: ReturnType<typeof at>) => result.gradients.get('threshold')!.sum().dataSync()[0]!;
  const l0 = (shift: number) => at(shift, 'pre-activation').losses.l0!.dataSync()[0]!;
  const measured = (l0(0.1) - l0(-0.1)) / 0.2;
  expect(total(at(0, 'pre-activation')) / measured).toBeCloseTo(1, 2);
  expect(total(at(0, 'activation')) / measured).toBeLessThan(0.6);
});

test('thresholds do not fall below 0', () => {
  const trainer = new Trainer(create(fixture.init, { ...asDictionaryLearning, targetL0: 9 }), {
    ...packageOptions({ hparams: { lr: 0.2, warmup_steps: 0 } }),
  });
  for (let i = 0; i < 4; i++) trainer.step(i, tf.tensor2d(fixture.steps[0]!.x));
  const { threshold_F } = trainer.autoencoder.inferenceWeights();
  expect(Math.min(...threshold_F!)).toBe(0);
});
