import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { placesAbove } from '../../../ml/engine/places-above.ts';
import { stream } from '../../../ml/random/stream.ts';
import { flatTopK } from '../../../ml/sae/flat-top-k.ts';

const tf = tensorflow();

/** By sorting; of equal numbers the first win. */
function sorted(values: Float32Array, count: number): number[] {
  return [...values.keys()]
    .filter((i) => values[i]! > 0)
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}

function expectSorted(values: Float32Array, columns: number, count: number, blocks = 3): void {
  const rows = values.length / columns;
  const size = Math.ceil(rows / blocks);
  const parts = Array.from({ length: blocks }, (_, i) =>
    tf.tensor2d(values.slice(i * size * columns, (i + 1) * size * columns), [
      Math.min(size, rows - i * size),
      columns,
    ]),
  );
  const { values_P, places_P } = flatTopK(parts, count);
  const wanted = sorted(values, count);
  expect([...places_P]).toEqual(wanted);
  expect([...values_P]).toEqual(wanted.map((place) => values[place]));
  tf.dispose(parts);
}

test('the largest of a long list are those that sorting finds', () => {
  const values = stream(1, 'test').normals(300 * 128);
  for (const count of [1, 7, 600, 5000, 19_000]) expectSorted(values, 128, count);
});

test('however the large ones lie: in one row, in one column, or growing along the list', () => {
  const random = stream(2, 'test');
  const values = random.normals(300 * 128);
  expectSorted(
    values.map((value, i) => (i < 128 ? value + 50 : value)),
    128,
    900,
  );
  expectSorted(
    values.map((value, i) => (i % 128 === 3 ? value + 50 : value)),
    128,
    200,
  );
  expectSorted(
    values.map((value, i) => value + i),
    128,
    900,
  );
});

test('of equal numbers the first are kept; numbers of 0 and below never', () => {
  expectSorted(
    stream(3, 'test')
      .normals(300 * 128)
      .map((value) => Math.round(2 * value) / 2),
    128,
    2000,
  );
  expectSorted(new Float32Array(3 * 64).fill(0.25), 64, 100);
  expectSorted(new Float32Array(3 * 64).fill(-1), 64, 100);
  expectSorted(
    Float32Array.from({ length: 3 * 64 }, (_, i) => (i % 3) - 1),
    64,
    1000,
  );
  expectSorted(Float32Array.of(1.5e-38, 3e38, 0, -0, 2e-38, 2), 2, 3);
});

test('places above a bound are found wherever they lie in a word, and in a list of any length', () => {
  for (const length of [1, 3, 4, 9, 1001]) {
    const values = stream(length, 'test').normals(length);
    const wanted = [...values.keys()].filter((i) => values[i]! > 0.5);
    expect([...placesAbove(tf.tensor1d(values), 0.5)]).toEqual(wanted);
  }
  expect(placesAbove(tf.ones([5000]), 0.5)).toHaveLength(5000);
});
