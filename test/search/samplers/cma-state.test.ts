import { expect, test } from 'vitest';
import { CmaState, defaultPopulation } from '../../../search/samplers/cma-state.ts';
import { fixture } from '../fixture.ts';

test('twelve generations equal the cmaes package', () => {
  const state = new CmaState(9, new Float64Array(5).fill(0.5), 1 / 6);
  for (const { points, losses, mean, sigma, covariance } of fixture.cma) {
    state.tell(points, losses[0] as number, losses[losses.length - 1] as number);
    expect(Math.abs(state.sigma / sigma - 1)).toBeLessThan(1e-8);
    for (let i = 0; i < 5; i++) {
      expect(Math.abs((state.mean[i] as number) - (mean[i] as number))).toBeLessThan(1e-9);
      for (let j = 0; j < 5; j++)
        expect(
          Math.abs((state.covariance[i * 5 + j] as number) - (covariance[i]?.[j] as number)),
        ).toBeLessThan(1e-8);
    }
  }
});

test('a run that has become level is exhausted', () => {
  const state = new CmaState(6, [0.5, 0.5], 0.1);
  const points = [
    [0.4, 0.5],
    [0.6, 0.5],
    [0.5, 0.4],
    [0.5, 0.6],
    [0.45, 0.55],
    [0.55, 0.45],
  ];
  state.tell(points, 1, 2);
  expect(state.exhausted()).toBe(false);
  for (let generation = 0; generation < 21; generation++) state.tell(points, 1, 1);
  expect(state.exhausted()).toBe(true);
});

test('the population grows with the logarithm of the dimensions', () => {
  expect([1, 2, 6, 20].map(defaultPopulation)).toEqual([4, 6, 9, 12]);
});
