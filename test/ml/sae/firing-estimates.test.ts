import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { estimateFirings, totalFirings } from '../../../ml/sae/firing-estimates.ts';
import type { Firings } from '../../../ml/sae/metrics/dead-fraction.ts';

const group = (rows: number, counts: number[]): Firings => ({ rows, counts_F: Float64Array.from(counts) });

test('groups add up, and shares are those of the whole', () => {
  const groups = [group(1000, [0, 1, 0, 500]), group(1500, [0, 0, 2, 900])];
  expect(totalFirings(groups)).toEqual(group(2500, [0, 1, 2, 1400]));
  const { dead_fraction, rare_fraction, density_below_1e5 } = estimateFirings(groups);
  expect(dead_fraction).toMatchObject({ value: 0.25, n: 2500, n_unit: 'position' });
  expect(rare_fraction!.value).toBe(0.75);
  expect(density_below_1e5!.value).toBe(0.25);
});

test('all alive or all dead everywhere: the interval is a point', () => {
  for (const [counts, value] of [
    [[5, 9], 0],
    [[0, 0], 1],
  ] as const) {
    const { dead_fraction } = estimateFirings([1, 2, 3].map(() => group(10, [...counts])));
    expect(dead_fraction).toMatchObject({ value, ci_low: value, ci_high: value });
  }
});

test('the interval holds what other samples of the same size give', () => {
  const F = 400;
  const draw = stream(4, 'test.firings');
  const rates = Array.from({ length: F }, () => 0.1 * draw.uniform() ** 8);
  const sample = () =>
    Array.from({ length: 20 }, () => {
      const counts = rates.map(
        (rate) => Array.from({ length: 50 }).filter(() => draw.uniform() < rate).length,
      );
      return group(50, counts);
    });
  const { value, ci_low, ci_high } = estimateFirings(sample()).dead_fraction!;
  const others = Array.from({ length: 20 }, () => estimateFirings(sample()).dead_fraction!.value);
  expect(ci_low!).toBeLessThan(value);
  expect(ci_high! - ci_low!).toBeLessThan(0.2);
  const inside = others.filter((other) => other >= ci_low! && other <= ci_high!).length;
  expect(inside).toBeGreaterThanOrEqual(16);
});
