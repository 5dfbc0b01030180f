import { expect, test } from 'vitest';
import { groupJackknife } from '../../../ml/stats/group-jackknife.ts';

const options = { n: 6, unit: 'row', least: 0, most: 10 };

test('of a mean, one left out at a time, it is the standard error', () => {
  const values = [1, 4, 2, 8, 5, 7];
  const mean = 27 / 6;
  const left = values.map((value) => (27 - value) / 5);
  const error = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5 / 6);
  const { ci_low, ci_high } = groupJackknife(mean, left, options);
  expect(ci_high! - mean).toBeCloseTo(1.959964 * error, 5);
  expect(mean - ci_low!).toBeCloseTo(1.959964 * error, 5);
});

test('it stays within bounds, and one group gives no interval', () => {
  expect(groupJackknife(0.1, [0, 3, 6], options).ci_low).toBe(0);
  expect(groupJackknife(9.9, [0, 3, 6], options).ci_high).toBe(10);
  expect(groupJackknife(1, [1], options)).toEqual({ value: 1, n: 6, n_unit: 'row' });
});
