import type * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { startEngine, tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { fullTraining } from '../../../ml/training/trainable.ts';
import { Updater, type UpdaterOptions } from '../../../ml/training/updater.ts';

await startEngine();

const variable = (values: number[]) =>
  tensorflow().tidy(() => tensorflow().variable(tensorflow().tensor1d(values)));

/** A model of one parameter, [1, 2], and a head of another, [3]. */
function parts(options: Partial<UpdaterOptions> = {}) {
  const parameter = variable([1, 2]);
  const head = variable([3]);
  const model = { parameters: new Map([['weight', parameter]]) } as unknown as LanguageModel;
  const updater = new Updater(fullTraining(model), new Map([['head', head]]), {
    maxGradientNorm: null,
    ...options,
  });
  const values = () => [...parameter.dataSync(), ...head.dataSync()];
  return {
    updater,
    values,
    dispose() {
      updater.dispose();
      parameter.dispose();
      head.dispose();
    },
  };
}

const gradients = (scale = 1) =>
  new Map<string, tf.Tensor>([
    ['weight', tensorflow().tensor1d([3 * scale, 0])],
    ['head', tensorflow().tensor1d([4 * scale])],
  ]);

test('model and heads are differentiated, clipped and moved as one', () => {
  const { updater, values, dispose } = parts({ maxGradientNorm: 0.5 });
  expect([...updater.differentiated.keys()]).toEqual(['weight', 'head']);
  const update = updater.prepare(gradients());
  expect(update.norm).toBe(5);
  update.apply(0.1);
  update.dispose();
  // The first step of Adam is the rate, whatever the size of the gradient.
  for (const [i, value] of [0.9, 2, 2.9].entries()) expect(values()[i]).toBeCloseTo(value, 5);
  const { data } = updater.save().tensors['optimiser/m/head'] as { data: Float32Array };
  expect(data[0]).toBeCloseTo(0.1 * 0.4, 6);
  dispose();
});

test('an update that is not made changes nothing, not even the moments', () => {
  const { updater, values, dispose } = parts();
  const before = structuredClone(updater.save());
  const update = updater.prepare(gradients());
  expect(update.norm).toBe(5);
  update.dispose();
  expect(updater.save()).toEqual(before);
  expect(values()).toEqual([1, 2, 3]);
  dispose();
});

test('what is saved goes on to the same bits, and a state that lacks something is refused', () => {
  const step = ({ updater }: ReturnType<typeof parts>, i: number) => {
    const update = updater.prepare(gradients(Math.sin(i + 1)));
    update.apply(0.01 * (i + 1));
    update.dispose();
  };
  const whole = parts({ weightDecay: 0.1, decays: () => true });
  for (let i = 0; i < 3; i++) step(whole, i);
  const state = structuredClone(whole.updater.save());
  for (let i = 3; i < 6; i++) step(whole, i);
  const resumed = parts({ weightDecay: 0.1, decays: () => true });
  resumed.updater.load(state);
  for (let i = 3; i < 6; i++) step(resumed, i);
  expect(resumed.values()).toEqual(whole.values());
  expect(resumed.updater.save()).toEqual(whole.updater.save());
  const { 'parameter/head': _, ...rest } = state.tensors;
  expect(() => resumed.updater.load({ ...state, tensors: rest })).toThrow('lacks head');
  for (const one of [whole, resumed]) one.dispose();
});

test('no tensor is left behind', () => {
  const use = () => {
    const one = parts({ maxGradientNorm: 1 });
    const update = one.updater.prepare(gradients());
    update.apply(0.1);
    update.dispose();
    one.updater.load(one.updater.save());
    one.dispose();
  };
  use();
  const before = tensorflow().memory().numTensors;
  use();
  expect(tensorflow().memory().numTensors).toBe(before);
});
