import { expect, test } from 'vitest';
import { meanInterval, studentQuantile } from '../../../ml/stats/mean-interval.ts';

// scipy.stats.t.ppf(p, df), SciPy 1.17.
test.each([
  [0.975, 1, 12.706204736174694],
  [0.975, 2, 4.30265272974946],
  [0.95, 4, 2.131846786326649],
  [0.995, 30, 2.749995653567231],
])('the %d quantile with %i degrees of freedom is that of SciPy', (p, df, expected) => {
  expect(studentQuantile(p, df)).toBeCloseTo(expected, 9);
});

test('three values have their mean and the interval of the t distribution', () => {
  const { value, ci_low, ci_high, n } = meanInterval([1, 2, 4.5], 'seed');
  // scipy.stats.t.interval(0.95, 2, loc=2.5, scale=scipy.stats.sem([1, 2, 4.5]))
  expect([value, n]).toEqual([2.5, 3]);
  expect(ci_low).toBeCloseTo(-1.978343, 5);
  expect(ci_high).toBeCloseTo(6.978343, 5);
});

test('one value has no interval', () => {
  expect(meanInterval([3], 'seed')).toEqual({ value: 3, n: 1, n_unit: 'seed' });
});
