import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { BATCH_TOPK_DEFAULTS, BatchTopKAutoencoder } from '../../../ml/sae/batch-topk.ts';
import { groupSizes, MatryoshkaAutoencoder } from '../../../ml/sae/matryoshka.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import { difference, fromTorch } from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';
import { sparseFixture } from './sparse-fixture.ts';

const tf = tensorflow();
const context = { step: 0, sparsity: 1, dead: new Int32Array(0) };
const D = 6;
const F = 16;

const named = (torch: Parameters<typeof fromTorch>[0]) => {
  const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D } = fromTorch(torch);
  return {
    encoder: encoder_FD,
    decoder: decoder_FD,
    encoder_bias: encoderBias_F,
    decoder_bias: decoderBias_D,
  };
};

test.each(['matryoshka', 'matryoshka_auxk'] as const)(
  'three steps are those of dictionary_learning (%s)',
  (name) => {
    const { init, steps, hparams } = sparseFixture[name];
    const { dead, groups, k } = hparams;
    const create = () =>
      new MatryoshkaAutoencoder(D, F, fromTorch(init), {
        ...BATCH_TOPK_DEFAULTS,
        k,
        groups,
        weights: 'dictionary-learning',
      });
    const first = steps[0]!;
    const result = create().backward(tf.tensor2d(first.x), { ...context, dead: Int32Array.from(dead) });
    expect(result.losses.auxiliary!.dataSync()[0]).toBeCloseTo(first.losses.auxk_loss, 5);
    expectParameters(result.gradients, named(first.raw_grads!), 1e-5);

    const trainer = new Trainer(create(), packageOptions({ hparams }, { maxGradientNorm: 1 }));
    const state = trainer.state();
    const quiet_F = Int32Array.from({ length: F }, (_, f) => (dead.includes(f) ? 1000 : 0));
    trainer.load({
      ...state,
      tensors: { ...state.tensors, dead: { dtype: 'I32', shape: [F], data: quiet_F } },
    });
    steps.forEach((step, i) => {
      const losses = trainer.step(i, tf.tensor2d(step.x));
      expect(losses.loss! / step.losses.loss).toBeCloseTo(1, 5);
      expectParameters(trainer.autoencoder.parameters, named(step.params_after), 1e-4);
      expect(trainer.threshold).toBeCloseTo(step.threshold, 5);
    });
  },
);

test('losses of the groups: their mean, their sum, and what dictionary_learning takes', () => {
  const { init, steps } = sparseFixture.matryoshka;
  const x = tf.tensor2d(steps[0]!.x);
  const options = { ...BATCH_TOPK_DEFAULTS, k: 3, groups: [4, 4, 8] };
  const loss = (weights: 'mean' | 'sum' | 'dictionary-learning') =>
    new MatryoshkaAutoencoder(D, F, fromTorch(init), { ...options, weights })
      .backward(x, context)
      .losses.loss.dataSync()[0]!;
  expect(loss('sum') / loss('mean')).toBeCloseTo(3, 5);
  expect(loss('mean') / loss('dictionary-learning')).toBeCloseTo(3, 5);
  // Each prefix reconstructs by itself, from activations chosen among all.
  const whole = new BatchTopKAutoencoder(D, F, fromTorch(init), options);
  const features_BF = whole.encode(x);
  const errors = [4, 8, 16].map((end) => {
    const prefix_BF = features_BF.mul<typeof features_BF>(tf.range(0, F).less(end).cast('float32'));
    return x.sub(whole.decode(prefix_BF)).square().sum(1).mean().dataSync()[0]!;
  });
  expect(loss('sum')).toBeCloseTo(errors[0]! + errors[1]! + errors[2]!, 4);
});

test('one group is batch-topk', () => {
  const { init, steps } = sparseFixture.matryoshka;
  const x = tf.tensor2d(steps[0]!.x);
  const options = { ...BATCH_TOPK_DEFAULTS, k: 3 };
  const one = new MatryoshkaAutoencoder(D, F, fromTorch(init), { ...options, groups: [F], weights: 'mean' });
  const plain = new BatchTopKAutoencoder(D, F, fromTorch(init), options);
  const wanted = plain.backward(x, context).gradients;
  for (const [name, gradient] of one.backward(x, context).gradients) {
    expect(difference(gradient.dataSync(), wanted.get(name)!.dataSync()), name).toBe(0);
  }
});

test('groups are shares rounded down, the last taking the rest; an empty one is refused', () => {
  expect(groupSizes(64, [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2])).toEqual([4, 4, 8, 16, 32]);
  expect(groupSizes(10, [1 / 3, 2 / 3])).toEqual([3, 7]);
  expect(() => groupSizes(8, [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2])).toThrow('8 features');
});
