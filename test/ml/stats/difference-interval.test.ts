import { expect, test } from 'vitest';
import { differenceInterval } from '../../../ml/stats/difference-interval.ts';

test('symmetric intervals give the root of the summed squares', () => {
  const a = { value: 2, low: 1.4, high: 2.6 };
  const b = { value: 1, low: 0.2, high: 1.8 };
  const { value, low, high } = differenceInterval(a, b);
  expect([value, low, high].map((x) => Number(x.toFixed(12)))).toEqual([1, 0, 2]);
});

// Newcombe, Statistics in Medicine 17 (1998), table II (method 10, Wilson's intervals): 56/70 - 48/80 is 0.2 [0.0524, 0.3339].
test('with Wilson’s intervals of two shares it is Newcombe’s hybrid score interval', () => {
  const wilson = (k: number, n: number) => {
    const z = 1.959963985;
    const centre = k + (z * z) / 2;
    const half = z * Math.sqrt((k * (n - k)) / n + (z * z) / 4);
    return { value: k / n, low: (centre - half) / (n + z * z), high: (centre + half) / (n + z * z) };
  };
  const { value, low, high } = differenceInterval(wilson(56, 70), wilson(48, 80));
  expect(value).toBeCloseTo(0.2, 12);
  expect(low).toBeCloseTo(0.0524, 4);
  expect(high).toBeCloseTo(0.3339, 4);
});

test('asymmetry is kept: the side of a towards b is that of a’s low end and b’s high end', () => {
  const a = { value: 5, low: 4, high: 9 };
  const b = { value: 1, low: -1, high: 1 };
  const { low, high } = differenceInterval(a, b);
  expect(low).toBe(3);
  expect(high).toBeCloseTo(4 + Math.sqrt(16 + 4), 12);
});
