import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { restartedWarmup } from '../../../ml/optimisers/schedules/restarted-warmup.ts';
import { stream } from '../../../ml/random/stream.ts';
import { L1_TIED_DEFAULTS, L1TiedAutoencoder } from '../../../ml/sae/l1-tied.ts';
import { drawInProportion, resamplesAfter } from '../../../ml/sae/resampling.ts';
import { StandardAutoencoder } from '../../../ml/sae/standard.ts';
import { Trainer, type TrainerOptions } from '../../../ml/sae/trainer.ts';
import { difference, fromTorch, section } from './fixture.ts';
import { expectParameters } from './packages.ts';
import { sparseFixture } from './sparse-fixture.ts';

const tf = tensorflow();
const plain: TrainerOptions = {
  learningRate: 1,
  schedule: () => 0.01,
  sparsity: () => 1,
  maxGradientNorm: null,
  deadAfter: 16,
  threshold: { beta: 0.9, from: 0 },
};

test('dead features start anew as dictionary_learning starts them, and train on as its do', () => {
  const { init, steps, hparams } = sparseFixture.resampling;
  const autoencoder = new StandardAutoencoder(6, 16, fromTorch(init), { l1: hparams.l1_penalty });
  const errors: Float32Array[] = [];
  const trainer = new Trainer(autoencoder, {
    ...plain,
    schedule: (step) => steps[step - 1]!.rate,
    resampling: {
      every: hparams.every,
      until: 100,
      form: 'dictionary-learning',
      draw(step, weights_B, count) {
        errors.push(weights_B);
        const { indices } = steps[step - 1]!.drawn!;
        expect(indices).toHaveLength(count);
        return Int32Array.from(indices);
      },
    },
  });
  // The package counts its updates from 1 here.
  steps.forEach(({ x, params_after }, i) => {
    trainer.step(i + 1, tf.tensor2d(x));
    const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D } = fromTorch(params_after);
    expectParameters(
      autoencoder.parameters,
      { encoder: encoder_FD, decoder: decoder_FD, encoder_bias: encoderBias_F, decoder_bias: decoderBias_D },
      1e-4,
    );
  });
  const drawn = steps.flatMap((step) => step.drawn ?? []);
  expect(errors).toHaveLength(2);
  drawn.forEach((wanted, i) => {
    expect(difference(errors[i]!, wanted.errors)).toBeLessThan(1e-5);
  });
});

const D = 8;
const F = 12;
const x_BD = () => tf.tensor2d(stream(1, 'test.batch').normals(16 * D), [16, D]);
const weights = () => {
  const rows = stream(3, 'test.weights').normals(F * D);
  return {
    encoder_FD: rows,
    decoder_FD: rows,
    encoderBias_F: Float32Array.from({ length: F }, (_, f) => (f < 2 ? -1000 : 0)),
    decoderBias_D: new Float32Array(D).fill(0.25),
  };
};

function resampled(
  form: 'squared-error' | 'squared-loss',
  autoencoder: StandardAutoencoder | L1TiedAutoencoder,
) {
  let drawn: Float32Array | undefined;
  const trainer = new Trainer(autoencoder, {
    ...plain,
    schedule: () => 0,
    resampling: {
      every: 1,
      until: 1,
      form,
      draw(_step, weights_B, count) {
        drawn = weights_B;
        expect(count).toBe(2);
        return Int32Array.of(5, 9);
      },
    },
  });
  trainer.step(1, x_BD());
  return { trainer, drawn: drawn! };
}

test('by default a feature starts along the activation, at a fifth of the length of living encoder rows', () => {
  const autoencoder = new StandardAutoencoder(D, F, weights(), { l1: 0.1 });
  const before = autoencoder.inferenceWeights();
  const { trainer, drawn } = resampled('squared-error', autoencoder);
  const after = autoencoder.inferenceWeights();
  const row = (of: Float32Array, n: number) => [...of.subarray(n * D, (n + 1) * D)];
  const living = Array.from({ length: F - 2 }, (_, i) => Math.hypot(...row(before.encoder_FD, i + 2)));
  const length = (0.2 * living.reduce((sum, norm) => sum + norm)) / living.length;
  const acts = x_BD().dataSync() as Float32Array;
  for (const [f, n] of [
    [0, 5],
    [1, 9],
  ] as const) {
    const read = row(acts, n).map((value) => value - 0.25);
    const unit = read.map((value) => value / Math.hypot(...read));
    expect(difference(row(after.decoder_FD, f), unit)).toBeLessThan(1e-6);
    expect(
      difference(
        row(after.encoder_FD, f),
        unit.map((u) => u * length),
      ),
    ).toBeLessThan(1e-6);
    expect(after.encoderBias_F[f]).toBe(0);
  }
  expect(after.encoder_FD.subarray(2 * D)).toEqual(before.encoder_FD.subarray(2 * D));
  // Moments are forgotten, and the features count as living again.
  const { tensors } = trainer.state();
  for (const name of ['m/encoder', 'v/encoder', 'm/decoder', 'v/decoder']) {
    expect(
      [...tensors[`optimiser/${name}`]!.data.subarray(0, 2 * D)].every((m) => m === 0),
      name,
    ).toBe(true);
    expect(
      [...tensors[`optimiser/${name}`]!.data.subarray(2 * D)].some((m) => m !== 0),
      name,
    ).toBe(true);
  }
  expect([...tensors.dead!.data.subarray(0, 2)]).toEqual([0, 0]);
  const other = resampled('squared-loss', new StandardAutoencoder(D, F, weights(), { l1: 0.1 })).drawn;
  expect(
    difference(
      other,
      drawn.map((error) => error ** 2),
    ),
  ).toBeLessThan(1e-5);
});

test('tied rows start as the activation itself, of unit norm', () => {
  const autoencoder = new L1TiedAutoencoder(D, F, weights(), L1_TIED_DEFAULTS);
  resampled('squared-error', autoencoder);
  const x = [...(x_BD().dataSync() as Float32Array).subarray(5 * D, 6 * D)];
  const row = autoencoder.inferenceWeights().encoder_FD.subarray(0, D);
  expect(
    difference(
      row,
      x.map((value) => value / Math.hypot(...x)),
    ),
  ).toBeLessThan(1e-6);
});

test('rows are drawn in proportion to their weights, without replacement, and never those of weight 0', () => {
  const counts = [0, 0, 0, 0];
  for (let seed = 0; seed < 4000; seed++) {
    const drawn = drawInProportion(Float32Array.of(1, 0, 3, 6), 2, stream(seed, 'test'));
    expect(new Set(drawn).size).toBe(2);
    counts[drawn[0]!]!++;
  }
  expect(counts[1]).toBe(0);
  for (const [i, share] of [
    [0, 0.1],
    [2, 0.3],
    [3, 0.6],
  ] as const) {
    expect(counts[i]! / 4000).toBeGreaterThan(share - 0.03);
    expect(counts[i]! / 4000).toBeLessThan(share + 0.03);
  }
  expect(drawInProportion(Float32Array.of(0, 2), 2, stream(1, 'test'))).toEqual(Int32Array.of(1));
});

test('it happens at multiples of `every`, from the first on and up to the last', () => {
  const options = { every: 3, until: 6, form: 'squared-error' as const, draw: () => new Int32Array(0) };
  const steps = Array.from({ length: 13 }, (_, step) => step);
  expect(steps.filter((step) => resamplesAfter(options, step))).toEqual([3, 6]);
});

test('the rate warms up again after each time, as that of dictionary_learning', () => {
  const { at, resample25_warm10 } = section<Record<string, number[]>>('lr_schedules');
  const schedule = restartedWarmup({ every: 25, until: 100, warmup: 10 });
  expect(difference(at!.map(schedule), resample25_warm10!)).toBeLessThan(1e-6);
  const half = restartedWarmup({ every: 25, until: 60, warmup: 10 });
  expect([0, 5, 24, 25, 30, 50, 55, 75, 80].map(half)).toEqual([0, 0.5, 1, 0, 0.5, 0, 0.5, 1, 1]);
});
