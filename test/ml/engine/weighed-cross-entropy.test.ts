import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { linearCrossEntropy } from '../../../ml/engine/linear-cross-entropy.ts';
import { weighedCrossEntropy } from '../../../ml/engine/weighed-cross-entropy.ts';
import { stream } from '../../../ml/random/stream.ts';

const tf = tensorflow();
const random = stream(0, 'weighed');

/** Groups of rows whose weight is a function of the group's summed loss: the gradient of f(sum) has f'(sum) as weight. */
const derivative = (sum: number) => 1 / (1 + Math.exp(-0.1 * sum));

function compare(sizes: number[], width: number, vocabulary: number, largest?: number) {
  const rows = sizes.reduce((a, b) => a + b, 0);
  const hidden = tf.variable(tf.tensor2d(random.normals(rows * width), [rows, width]));
  const w = tf.variable(tf.tensor2d(random.normals(vocabulary * width, 0.3), [vocabulary, width]));
  const labels = tf.tensor1d(
    Int32Array.from({ length: rows }, () => random.integer(vocabulary)),
    'int32',
  );
  const parameters = new Map([
    ['hidden', hidden],
    ['w', w],
  ]) as unknown as Parameters<typeof gradients>[1];
  const weights = new Float32Array(rows);
  const seen: number[] = [];
  let at = 0;
  const weigh = (losses: Float32Array, g: number) => {
    seen.push(g);
    const weight = derivative(losses.reduce((a, b) => a + b, 0));
    weights.fill(weight, at, at + losses.length);
    at += losses.length;
    return new Float32Array(losses.length).fill(weight);
  };
  const run = () => {
    at = 0;
    seen.length = 0;
    return gradients(
      () => weighedCrossEntropy(hidden as never, w as never, labels, { sizes, weigh }, largest),
      parameters,
    );
  };
  // The engine keeps a few constants from the first time on.
  const first = run();
  const before = tf.memory().numTensors;
  const ours = run();
  expect(tf.memory().numTensors - before).toBe(3);
  tf.dispose([first.value, ...first.grads.values()]);
  expect(seen).toEqual(sizes.map((_, g) => g));
  const theirs = gradients(
    () => linearCrossEntropy(hidden as never, w as never, labels, tf.tensor1d(weights)),
    parameters,
  );
  expect(ours.value.dataSync()[0]! / theirs.value.dataSync()[0]!).toBeCloseTo(1, 5);
  for (const [name, gradient] of theirs.grads) {
    const scale = gradient.abs().max().dataSync()[0]!;
    const difference = gradient.sub(ours.grads.get(name)!).abs().max().dataSync()[0]!;
    expect(difference / scale, name).toBeLessThan(1e-5);
  }
  for (const tensor of [hidden, w, labels]) tensor.dispose();
}

test('weights that follow from the losses give the gradient that fixed weights of the same values give', () => {
  compare([5, 9, 2], 8, 13);
  // Several blocks of groups, and groups that end in the middle of what one block could take.
  compare([200, 100, 300, 7, 280, 90], 16, 5000);
});

test('a group too large to keep its logits is weighed by all of its losses all the same', () => {
  compare([20, 700, 20], 4, 5000, 1000);
});
