import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { trapezoidSchedule } from '../../../ml/optimisers/schedules/trapezoid.ts';
import { warmup } from '../../../ml/optimisers/schedules/warmup.ts';
import { stream } from '../../../ml/random/stream.ts';
import { BatchTopKAutoencoder } from '../../../ml/sae/batch-topk.ts';
import { randomDirections } from '../../../ml/sae/initial-weights.ts';
import { L1_TIED_DEFAULTS, L1TiedAutoencoder } from '../../../ml/sae/l1-tied.ts';
import { MatryoshkaAutoencoder } from '../../../ml/sae/matryoshka.ts';
import { drawInProportion } from '../../../ml/sae/resampling.ts';
import { StandardAutoencoder } from '../../../ml/sae/standard.ts';
import { TOPK_DEFAULTS, TopKAutoencoder } from '../../../ml/sae/topk.ts';
import { Trainer, type TrainerOptions } from '../../../ml/sae/trainer.ts';
import type { SparseAutoencoder } from '../../../ml/sae/types.ts';
import { type DictionaryLearningSection, difference, fromTorch, section } from './fixture.ts';

const tf = tensorflow();

function options(fixture: DictionaryLearningSection, more: Partial<TrainerOptions> = {}): TrainerOptions {
  return {
    learningRate: fixture.hparams.lr,
    schedule: trapezoidSchedule({ total: 100, warmup: fixture.hparams.warmup_steps }),
    sparsity: () => 1,
    maxGradientNorm: null,
    deadAfter: 1000,
    threshold: { beta: fixture.hparams.threshold_beta ?? 0.999, from: 0 },
    ...more,
  };
}

function expectThreeSteps(trainer: Trainer, fixture: DictionaryLearningSection): void {
  fixture.steps.forEach((step, i) => {
    const losses = trainer.step(i, tf.tensor2d(step.x));
    expect(losses.loss! / step.losses.loss!).toBeCloseTo(1, 5);
    if (!step.params_after) return;
    const wanted = fromTorch(step.params_after);
    const got = trainer.autoencoder.inferenceWeights();
    for (const name of ['encoder_FD', 'decoder_FD', 'encoderBias_F', 'decoderBias_D'] as const) {
      expect(difference(got[name], wanted[name]), `${name} after step ${i + 1}`).toBeLessThan(1e-4);
    }
    if (step.params_after.threshold !== undefined) {
      expect(trainer.threshold).toBeCloseTo(step.params_after.threshold, 5);
    }
  });
}

test('three steps of the standard variant end in the weights of dictionary_learning', () => {
  const fixture = section<DictionaryLearningSection>('sae_dl_standard');
  const autoencoder = new StandardAutoencoder(6, 10, fromTorch(fixture.init), { l1: 0.1 });
  expectThreeSteps(new Trainer(autoencoder, options(fixture)), fixture);
});

test('the sparsity warm-up is that of dictionary_learning', () => {
  const fixture = section<DictionaryLearningSection>('sae_dl_standard_sparsity_warmup');
  const autoencoder = new StandardAutoencoder(6, 10, fromTorch(fixture.init), { l1: 0.1 });
  const sparsity = warmup(4, () => 1);
  // The package counts its updates from 1 here.
  expectThreeSteps(new Trainer(autoencoder, options(fixture, { sparsity: (i) => sparsity(i + 1) })), fixture);
});

test('three steps of topk end in the weights and threshold of dictionary_learning', () => {
  const fixture = section<DictionaryLearningSection>('sae_dl_topk');
  const autoencoder = new TopKAutoencoder(6, 10, fromTorch(fixture.init), { ...TOPK_DEFAULTS, k: 3 });
  expectThreeSteps(new Trainer(autoencoder, options(fixture, { maxGradientNorm: 1 })), fixture);
});

test('three steps of topk with dead features end in the weights of dictionary_learning', () => {
  const fixture = section<DictionaryLearningSection>('sae_dl_topk_auxk');
  const autoencoder = new TopKAutoencoder(6, 10, fromTorch(fixture.init), { ...TOPK_DEFAULTS, k: 3 });
  const trainer = new Trainer(autoencoder, options(fixture, { maxGradientNorm: 1 }));
  const state = trainer.state();
  const dead = Int32Array.from({ length: 10 }, (_, f) => ([2, 5, 7].includes(f) ? 1000 : 0));
  trainer.load({ ...state, tensors: { ...state.tensors, dead: { dtype: 'I32', shape: [10], data: dead } } });
  expectThreeSteps(trainer, fixture);
});

const D = 12;
const F = 24;
function create(variant: string): SparseAutoencoder {
  const rows = randomDirections(F, D, 1, stream(3, 'test.weights'));
  const weights = {
    encoder_FD: rows,
    decoder_FD: rows,
    encoderBias_F: new Float32Array(F),
    decoderBias_D: new Float32Array(D),
  };
  if (variant === 'l1-tied') return new L1TiedAutoencoder(D, F, weights, L1_TIED_DEFAULTS);
  if (variant === 'standard') return new StandardAutoencoder(D, F, weights, { l1: 0.1 });
  if (variant === 'batch-topk') return new BatchTopKAutoencoder(D, F, weights, { ...ANNEALED, k: 3.5 });
  if (variant === 'matryoshka') {
    const groups = [4, 8, 12];
    return new MatryoshkaAutoencoder(D, F, weights, { ...ANNEALED, k: 4, groups, weights: 'mean' });
  }
  return new TopKAutoencoder(D, F, weights, { ...ANNEALED, k: 4 });
}
const ANNEALED = { ...TOPK_DEFAULTS, annealing: { start: 9, steps: 10 } };

test.each(['l1-tied', 'standard', 'topk', 'batch-topk', 'matryoshka'])(
  '%s: a restored trainer goes on to the same bytes',
  (variant) => {
    const settings: TrainerOptions = {
      learningRate: 0.01,
      schedule: trapezoidSchedule({ total: 12, warmup: 3, decayStart: 8 }),
      sparsity: warmup(6, () => 1),
      maxGradientNorm: 1,
      deadAfter: 40,
      threshold: { beta: 0.9, from: 2 },
      ...(['l1-tied', 'standard'].includes(variant) && {
        resampling: {
          every: 2,
          until: 10,
          form: 'squared-error',
          draw: (step, weights_B, count) =>
            drawInProportion(weights_B, count, stream(step, 'test.resampling')),
        },
      }),
    };
    const batches = Array.from({ length: 12 }, (_, i) => stream(i, 'test.batch').normals(16 * D));
    const train = (trainer: Trainer, from: number, to: number) => {
      for (let i = from; i < to; i++) tf.tidy(() => trainer.step(i, tf.tensor2d(batches[i]!, [16, D])));
    };
    const whole = new Trainer(create(variant), settings);
    train(whole, 0, 12);

    const first = new Trainer(create(variant), settings);
    train(first, 0, 7);
    const saved = first.state();
    const kept = JSON.parse(JSON.stringify(saved.json)) as typeof saved.json;
    const second = new Trainer(create(variant), settings);
    second.load({ tensors: saved.tensors, json: kept });
    train(second, 7, 12);
    expect(second.state()).toEqual(whole.state());
  },
);

test('steps leave no tensors behind', () => {
  const trainer = new Trainer(create('topk'), {
    learningRate: 0.01,
    schedule: () => 1,
    sparsity: () => 1,
    maxGradientNorm: 0.001,
    deadAfter: 16,
    threshold: { beta: 0.9, from: 0 },
  });
  const x = tf.tensor2d(stream(1, 'test.batch').normals(16 * D), [16, D]);
  trainer.step(0, x);
  trainer.step(1, x);
  const before = tf.memory().numTensors;
  trainer.step(2, x);
  expect(tf.memory().numTensors).toBe(before);
});
