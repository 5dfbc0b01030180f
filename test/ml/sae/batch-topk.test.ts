import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { stream } from '../../../ml/random/stream.ts';
import { BATCH_TOPK_DEFAULTS, BatchTopKAutoencoder } from '../../../ml/sae/batch-topk.ts';
import { randomDirections } from '../../../ml/sae/initial-weights.ts';
import { TOPK_DEFAULTS, TopKAutoencoder } from '../../../ml/sae/topk.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import {
  type DictionaryLearningSection,
  difference,
  flat,
  fromTorch,
  type SaeLensSection,
  section,
  transpose,
} from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';

const tf = tensorflow();
const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };

const named = (torch: Parameters<typeof fromTorch>[0]) => {
  const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D } = fromTorch(torch);
  return {
    encoder: encoder_FD,
    decoder: decoder_FD,
    encoder_bias: encoderBias_F,
    decoder_bias: decoderBias_D,
  };
};

test.each([
  ['sae_dl_batchtopk', []],
  ['sae_dl_batchtopk_auxk', [2, 5, 7]],
])('three steps are those of dictionary_learning (%s)', (name, dead) => {
  const fixture = section<DictionaryLearningSection>(name);
  const first = fixture.steps[0]!;
  const create = () =>
    new BatchTopKAutoencoder(6, 10, fromTorch(fixture.init), { ...BATCH_TOPK_DEFAULTS, k: 3 });
  const { losses, gradients } = create().backward(tf.tensor2d(first.x), {
    ...context,
    dead: Int32Array.from(dead),
  });
  expect(losses.auxiliary!.dataSync()[0]).toBeCloseTo(first.losses.auxk_loss!, 5);
  expectParameters(gradients, named(first.raw_grads!), 1e-5);

  const trainer = new Trainer(create(), packageOptions(fixture, { maxGradientNorm: 1 }));
  const state = trainer.state();
  const quiet_F = Int32Array.from({ length: 10 }, (_, f) => (dead.includes(f as never) ? 1000 : 0));
  trainer.load({
    ...state,
    tensors: { ...state.tensors, dead: { dtype: 'I32', shape: [10], data: quiet_F } },
  });
  fixture.steps.forEach((step, i) => {
    const trained = trainer.step(i, tf.tensor2d(step.x));
    expect(trained.loss! / step.losses.loss!).toBeCloseTo(1, 5);
    if (!step.params_after) return;
    expectParameters(trainer.autoencoder.parameters, named(step.params_after), 1e-4);
    expect(trainer.threshold).toBeCloseTo(step.params_after.threshold!, 5);
  });
  const { threshold_F } = trainer.autoencoder.inferenceWeights(trainer.threshold);
  expect([...threshold_F!]).toEqual(Array(10).fill(Math.fround(trainer.threshold!)));
});

/**
 * SAELens' rows d are free: it ranks z ||d|| and decodes along u = d / ||d||. The same function with rows of unit norm has
 * encoder rows and biases times ||d||, from whose gradients the chain rule gives SAELens'.
 */
test('loss, reconstruction and gradients are those of SAELens', () => {
  const { x, params, grads, losses, sae_out } = section<SaeLensSection>('sae_saelens_batchtopk');
  const norms = params.W_dec.map((row) => Math.hypot(...row));
  const weights = {
    encoder_FD: flat(transpose(params.W_enc).map((row, f) => row.map((w) => w * norms[f]!))),
    decoder_FD: flat(params.W_dec.map((row, f) => row.map((w) => w / norms[f]!))),
    encoderBias_F: Float32Array.from(params.b_enc!, (b, f) => b * norms[f]!),
    decoderBias_D: Float32Array.from(params.b_dec),
  };
  const autoencoder = new BatchTopKAutoencoder(6, 10, weights, { ...BATCH_TOPK_DEFAULTS, k: 3 });
  const x_BD = tf.tensor2d(x);
  const result = autoencoder.backward(x_BD, context);
  expect(result.losses.loss.dataSync()[0]).toBeCloseTo(losses.mse_loss!, 5);
  expect(difference(autoencoder.decode(autoencoder.encode(x_BD)).dataSync(), flat(sae_out))).toBeLessThan(
    1e-5,
  );

  const [encoder, decoder, bias] = ['encoder', 'decoder', 'encoder_bias'].map((name) =>
    result.gradients.get(name)!.dataSync(),
  ) as [Float32Array, Float32Array, Float32Array];
  const row = (of: Float32Array, f: number) => [...of.subarray(f * 6, f * 6 + 6)];
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const toEncoder = norms.map((norm, f) => row(encoder, f).map((g) => g * norm));
  const toDecoder = norms.map((norm, f) => {
    const unit = row(weights.decoder_FD, f);
    const slope = row(decoder, f);
    const encoderRow = transpose(params.W_enc)[f]!;
    const byNorm = dot(row(encoder, f), encoderRow) + bias[f]! * params.b_enc![f]!;
    return slope.map((g, d) => (g - dot(slope, unit) * unit[d]!) / norm + byNorm * unit[d]!);
  });
  expect(difference(flat(toEncoder), flat(transpose(grads.W_enc)))).toBeLessThan(1e-5);
  expect(difference(flat(toDecoder), flat(grads.W_dec))).toBeLessThan(1e-5);
  expect(
    difference(
      bias.map((g, f) => g * norms[f]!),
      grads.b_enc!,
    ),
  ).toBeLessThan(1e-5);
  expect(difference(result.gradients.get('decoder_bias')!.dataSync(), grads.b_dec)).toBeLessThan(1e-5);
});

const D = 12;
const F = 24;
const start = () => {
  const rows = randomDirections(F, D, 1, stream(3, 'test.weights'));
  return {
    encoder_FD: rows,
    decoder_FD: rows,
    encoderBias_F: new Float32Array(F),
    decoderBias_D: new Float32Array(D),
  };
};

test('k features a row are kept on average, and k need not be whole', () => {
  const x = tf.tensor2d(stream(1, 'test.batch').normals(16 * D), [16, D]);
  for (const [k, kept] of [
    [3, 48],
    [2.5, 40],
    [0.1, 1],
  ] as const) {
    const autoencoder = new BatchTopKAutoencoder(D, F, start(), { ...BATCH_TOPK_DEFAULTS, k });
    const features = autoencoder.encode(x).dataSync();
    expect(features.filter((value) => value > 0)).toHaveLength(kept);
    const { fired_F, smallestKept } = autoencoder.backward(x, context);
    expect(smallestKept).toBe(Math.min(...features.filter((value) => value > 0)));
    const fires = (f: number) => features.some((value, i) => i % F === f && value > 0);
    expect([...fired_F!]).toEqual(Array.from({ length: F }, (_, f) => (fires(f) ? 1 : 0)));
  }
});

test('where every row keeps as many, the step is that of topk', () => {
  // One activation turned over: every row has the same pre-activations, in another order of features.
  const x = stream(1, 'test.batch').normals(D);
  const rows = Array.from({ length: 4 }, () => [...x]);
  const options = { ...TOPK_DEFAULTS, k: 3 };
  const batch = new BatchTopKAutoencoder(D, F, start(), options).backward(tf.tensor2d(rows), context);
  const single = new TopKAutoencoder(D, F, start(), options).backward(tf.tensor2d(rows), context);
  for (const [name, gradient] of single.gradients) {
    expect(difference(batch.gradients.get(name)!.dataSync(), gradient.dataSync()), name).toBeLessThan(1e-6);
  }
});

test.each([TopKAutoencoder, BatchTopKAutoencoder])('more features are kept while k falls (%o)', (Variant) => {
  const autoencoder = new Variant(D, F, start(), {
    ...TOPK_DEFAULTS,
    k: 2,
    annealing: { start: 10, steps: 4 },
  });
  const x = tf.tensor2d(stream(1, 'test.batch').normals(16 * D), [16, D]);
  const kept = (step: number) => {
    const { losses } = autoencoder.backward(x, { ...context, step });
    return losses.loss.dataSync()[0]!;
  };
  const fixed = (k: number) =>
    new Variant(D, F, start(), { ...TOPK_DEFAULTS, k }).backward(x, context).losses.loss.dataSync()[0]!;
  expect([0, 1, 2, 3, 4, 99].map(kept)).toEqual([10, 8, 6, 4, 2, 2].map(fixed));
});

test('a batch that nothing fires on leaves the threshold alone, and has a finite loss', () => {
  const weights = { ...start(), encoderBias_F: new Float32Array(F).fill(-1000) };
  const autoencoder = new BatchTopKAutoencoder(D, F, weights, { ...BATCH_TOPK_DEFAULTS, k: 3 });
  const x = tf.tensor2d(stream(1, 'test.batch').normals(16 * D), [16, D]);
  const { losses, gradients, smallestKept, fired_F } = autoencoder.backward(x, context);
  expect(smallestKept).toBeNull();
  expect(fired_F!.some((fired) => fired > 0)).toBe(false);
  expect(losses.loss.dataSync()[0]).toBeGreaterThan(0);
  expect([...gradients.get('encoder')!.dataSync()].every((g) => g === 0)).toBe(true);
});
