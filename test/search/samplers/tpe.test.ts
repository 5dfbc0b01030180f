import { describe, expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { ParzenEstimator, recencyWeights } from '../../../search/samplers/parzen.ts';
import { splitTrials, tpe } from '../../../search/samplers/tpe.ts';
import type { Space, Trial } from '../../../search/types.ts';
import { fixture, MIXED, trialOf } from '../fixture.ts';

describe.each(fixture.parzen)('the density of $observed.length observations', ({ observed, asked, log }) => {
  const estimator = new ParzenEstimator(MIXED, observed, recencyWeights(observed.length));

  test('equals Optuna', () => {
    for (const [i, values] of asked.entries()) {
      const ours = estimator.logDensity(values);
      // Optuna takes the density of a logarithmic number over its logarithm too.
      expect(Math.abs(ours - (log[i] as number))).toBeLessThan(1e-8 * Math.max(1, Math.abs(ours)));
    }
  });

  test('is what the draws follow', () => {
    const draws = stream(1, 'test');
    const drawn = Array.from({ length: 2000 }, () => estimator.sample(draws));
    // E[1 / p(x)] over draws is the volume of the space, of which the categories and grids are counted.
    const part: Space = MIXED.slice(3);
    const few = new ParzenEstimator(part, observed, recencyWeights(observed.length));
    let sum = 0;
    for (const depth of [2, 5, 8, 11])
      for (const variant of ['a', 'b', 'c']) {
        const share = Math.exp(few.logDensity({ depth, variant }));
        sum += share;
        const seen = drawn.filter(
          (values) => values['depth'] === depth && values['variant'] === variant,
        ).length;
        expect(Math.abs(seen / 2000 - share)).toBeLessThan(4 * Math.sqrt(share / 2000) + 1e-3);
      }
    expect(sum).toBeCloseTo(1, 9);
  });
});

describe.each(fixture.split)('of $trials.length trials with $directions', ({ directions, trials, good }) => {
  test('the good ones are those that Optuna takes', () => {
    const whole = trials.map((trial): Trial => ({ ...trial, values: {} }));
    expect(splitTrials(whole, directions).good.map(({ number }) => number)).toEqual(good);
  });
});

test('trials that run push proposals away', () => {
  const space: Space = [{ name: 'x', type: 'real', low: 0, high: 1, log: false }];
  const history = Array.from({ length: 20 }, (_, n) => trialOf(n, { x: n / 20 }, Math.abs(n / 20 - 0.5)));
  const running = Array.from(
    { length: 12 },
    (_, i): Trial => ({
      number: 20 + i,
      values: { x: 0.5 },
      state: 'running',
      objectives: null,
      reports: [],
    }),
  );
  const nearness = (trials: Trial[]) =>
    Array.from({ length: 20 }, (_, seed) => tpe().propose(space, ['minimise'], trials, seed)['x'] as number)
      .map((x) => Math.abs(x - 0.5))
      .reduce((sum, far) => sum + far, 0);
  expect(nearness([...history, ...running])).toBeGreaterThan(1.5 * nearness(history));
});

test('with several objectives it comes nearer to the front than chance', () => {
  const space: Space = [0, 1, 2].map((i) => ({ name: `x${i}`, type: 'real', low: 0, high: 1, log: false }));
  const far = (sampler: ReturnType<typeof tpe>, seed: number) => {
    const history: Trial[] = [];
    for (let n = 0; n < 60; n++) {
      const values = sampler.propose(space, ['minimise', 'maximise'], history, seed);
      const [a, b, c] = Object.values(values) as [number, number, number];
      // The front: b = c = 0.3.
      const off = (b - 0.3) ** 2 + (c - 0.3) ** 2;
      history.push(trialOf(n, values, a + off, Math.sqrt(a) - off));
    }
    return history.slice(40).reduce((sum, { values }) => sum + Math.abs((values['x1'] as number) - 0.3), 0);
  };
  const sum = (sampler: ReturnType<typeof tpe>) =>
    [0, 1, 2, 3].reduce((total, seed) => total + far(sampler, seed), 0);
  expect(sum(tpe())).toBeLessThan(0.6 * sum(tpe({ startup: 1000 })));
});
