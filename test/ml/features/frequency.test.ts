import { expect, test } from 'vitest';
import { frequencies, highestWithin } from '../../../ml/features/frequency.ts';
import { stream } from '../../../ml/random/stream.ts';

const POINTS = 400;
const high = Array.from({ length: POINTS }, (_, i) => i % 5 === 0);
const words = Array.from({ length: POINTS }, (_, i) => `word ${Math.floor(i / 4)}`);
/** The share of 10 features that is active at each point. */
const firing = (seed: number, onHigh: number, elsewhere: number) => {
  const draws = stream(seed, 'firing');
  return Float64Array.from(high, (isHigh) => {
    let active = 0;
    for (let f = 0; f < 10; f++) if (draws.uniform() < (isHigh ? onHigh : elsewhere)) active++;
    return active / 10;
  });
};
const measure = (flagged: Float64Array, control: number) =>
  frequencies(
    {
      flagged,
      all: firing(1, 0.05, 0.05),
      matched: Array.from({ length: 99 }, (_, i) => firing(10 + i, control, control)),
    },
    high,
    words,
    stream(0, 'bootstrap'),
  );

test('features that fire for the reward differ from those of like density', () => {
  const found = measure(firing(2, 0.4, 0.1), 0.16);
  expect(found.rate_flagged.value).toBeCloseTo(0.4, 1);
  expect(found.ratio_matched.ci_low).toBeGreaterThan(1.8);
  expect(found.ratio_matched.p_value).toBe(0.01);
  expect(found.selectivity.ci_low).toBeGreaterThan(2.5);
  expect(found.rate_flagged.n).toBe(100);
});

test('features that are dense everywhere have the published ratio, and neither control', () => {
  const found = measure(firing(3, 0.15, 0.15), 0.15);
  expect(found.ratio_all.ci_low).toBeGreaterThan(2);
  expect(found.ratio_matched.ci_low).toBeLessThan(1);
  expect(found.ratio_matched.p_value).toBeGreaterThan(0.05);
  expect(found.selectivity.ci_low).toBeLessThan(1);
});

test('high points are chosen within each fold: folds have offsets of their own', () => {
  const predictions = [1, 2, 3, 4, 101, 102, 103, 104];
  expect(highestWithin(predictions, [0, 0, 0, 0, 1, 1, 1, 1], 0.25)).toEqual(
    [0, 0, 0, 1, 0, 0, 0, 1].map(Boolean),
  );
});
