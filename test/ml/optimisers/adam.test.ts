import type * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { adam } from '../../../ml/optimisers/adam.ts';
import { clipByGlobalNorm } from '../../../ml/optimisers/clip.ts';
import { stream } from '../../../ml/random/stream.ts';

/** The update of the docstring, in float64. */
function reference(
  p: Float64Array,
  grads: Float32Array[],
  rate: number,
  options: { b1: number; b2: number; eps: number; decay: number },
) {
  const m = new Float64Array(p.length);
  const v = new Float64Array(p.length);
  for (const [step, g] of grads.entries()) {
    for (let i = 0; i < p.length; i++) {
      const x = g[i] as number;
      p[i] = (p[i] as number) * (1 - rate * options.decay);
      m[i] = options.b1 * (m[i] as number) + (1 - options.b1) * x;
      v[i] = options.b2 * (v[i] as number) + (1 - options.b2) * x * x;
      const mHat = (m[i] as number) / (1 - options.b1 ** (step + 1));
      const vHat = (v[i] as number) / (1 - options.b2 ** (step + 1));
      p[i] = (p[i] as number) - (rate * mHat) / (Math.sqrt(vHat) + options.eps);
    }
  }
  return p;
}

const normals = (name: string, n: number) => stream(0, name).normals(n);

test.each([0, 0.1])('20 steps equal the formula in float64 (weight decay %s)', (decay) => {
  const tf = tensorflow();
  const start = normals('start', 6);
  const parameter = tf.variable(tf.tensor2d(start, [2, 3]));
  // A large epsilon shows that it is added after the bias correction, as in PyTorch.
  const optimiser = adam(new Map([['w', parameter]]), { epsilon: 1e-2, weightDecay: decay });
  const grads = Array.from({ length: 20 }, (_, i) => normals(`g${i}`, 6));
  for (const g of grads) tf.tidy(() => optimiser.step(new Map([['w', tf.tensor2d(g, [2, 3])]]), 0.05));
  const expected = reference(Float64Array.from(start), grads, 0.05, { b1: 0.9, b2: 0.999, eps: 1e-2, decay });
  for (const [i, x] of parameter.dataSync().entries())
    expect(Math.abs(x - (expected[i] as number))).toBeLessThan(2e-6);
});

test('vectors do not decay, matrices do; parameters without a gradient stay', () => {
  const tf = tensorflow();
  const make = (shape: number[]) => tf.variable(tf.ones(shape));
  const parameters = new Map([
    ['w', make([1, 1])],
    ['b', make([1])],
    ['rest', make([1, 1])],
  ]);
  const optimiser = adam(parameters, { weightDecay: 0.5 });
  tf.tidy(() =>
    optimiser.step(
      new Map([
        ['w', tf.zeros([1, 1])],
        ['b', tf.zeros([1])],
      ]),
      0.1,
    ),
  );
  const value = (name: string) => parameters.get(name)?.dataSync()[0];
  expect(value('w')).toBeCloseTo(0.95, 6);
  expect(value('b')).toBe(1);
  expect(value('rest')).toBe(1);
  expect(() => optimiser.step(new Map([['other', tf.zeros([1])]]), 0.1)).toThrow('no parameter other');
});

test('10 steps, saved and loaded, then 10 more: the same bytes as 20 steps', () => {
  const run = (split: boolean) => {
    const tf = tensorflow();
    let parameter = tf.variable(tf.tensor1d(normals('start', 1000)));
    let optimiser = adam(new Map([['w', parameter]]));
    for (let step = 0; step < 20; step++) {
      if (split && step === 10) {
        const state = JSON.parse(JSON.stringify(optimiser.state().json));
        const tensors = optimiser.state().tensors;
        const values = parameter.dataSync() as Float32Array;
        optimiser.dispose();
        parameter = tf.variable(tf.tensor1d(values));
        optimiser = adam(new Map([['w', parameter]]));
        optimiser.load({ tensors, json: state });
      }
      tf.tidy(() => optimiser.step(new Map([['w', tf.tensor1d(normals(`g${step}`, 1000))]]), 1e-3));
    }
    return parameter.dataSync();
  };
  expect(run(true)).toEqual(run(false));
});

test('a parameter that someone changes between steps is taken as it then is', () => {
  const tf = tensorflow();
  const parameter = tf.variable(tf.tensor1d([1, 2]));
  const optimiser = adam(new Map([['w', parameter]]));
  const g = tf.tensor1d([1, -1]);
  optimiser.step(new Map([['w', g]]), 0.1);
  const before = parameter.dataSync();
  const alias = tf.tidy(() => parameter.clone());
  parameter.assign(tf.tensor1d([10, 20]));
  optimiser.step(new Map([['w', g]]), 0.1);
  expect(parameter.dataSync()[0]).toBeCloseTo(9.9, 5);
  expect(parameter.dataSync()[1]).toBeCloseTo(20.1, 5);
  // A tensor taken before the update keeps its values, although the update is in place.
  expect(alias.dataSync()).toEqual(before);
});

test('steps leave no tensors behind, and neither does the optimiser', () => {
  const tf = tensorflow();
  const parameter = tf.variable(tf.ones([3, 3]));
  const round = () => {
    const optimiser = adam(new Map([['w', parameter]]), { weightDecay: 0.1 });
    for (let i = 0; i < 3; i++) tf.tidy(() => optimiser.step(new Map([['w', tf.ones([3, 3])]]), 0.1));
    optimiser.state();
    optimiser.dispose();
  };
  round();
  const before = tf.memory().numTensors;
  round();
  expect(tf.memory().numTensors).toBe(before);
});

test('gradients come by name, and parameters outside the loss have none', () => {
  const tf = tensorflow();
  const parameters = new Map([
    ['a', tf.variable(tf.scalar(3))],
    ['b', tf.variable(tf.scalar(5))],
  ]);
  const { value, grads } = gradients(
    () => (parameters.get('a') as tf.Variable).square() as tf.Scalar,
    parameters,
  );
  expect(value.dataSync()[0]).toBe(9);
  expect([...grads.keys()]).toEqual(['a']);
  expect(grads.get('a')?.dataSync()[0]).toBe(6);
});

test('clipping scales all gradients alike, to the limit, and only when above it', () => {
  const tf = tensorflow();
  const make = () =>
    new Map([
      ['a', tf.tensor1d([3, 0])],
      ['b', tf.tensor1d([0, 4])],
    ] as [string, tf.Tensor][]);
  const above = make();
  expect(clipByGlobalNorm(above, 1)).toBeCloseTo(5, 6);
  expect(above.get('a')?.dataSync()[0]).toBeCloseTo(0.6, 5);
  expect(above.get('b')?.dataSync()[1]).toBeCloseTo(0.8, 5);
  const below = make();
  const kept = below.get('a');
  expect(clipByGlobalNorm(below, 6)).toBeCloseTo(5, 6);
  expect(below.get('a')).toBe(kept);
});
