import { describe, expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { type SamplerName, samplerOf } from '../../../search/samplers.ts';
import type { Dimension, Space, Trial, TrialState, Value } from '../../../search/types.ts';
import { MIXED } from '../fixture.ts';

const NAMES: SamplerName[] = ['random', 'sobol', 'tpe', 'gp', 'cma-es'];

/** A history with everything in it: pruned, failed, running, NaN, infinite. */
function historyOf(space: Space, length: number, objectives = 1): Trial[] {
  const draws = stream(length, 'history');
  const trials: Trial[] = [];
  for (let number = 0; number < length; number++) {
    const values = samplerOf('random', {}).propose(space, ['minimise'], trials, 1);
    const state = draws.choice<TrialState>([
      'complete',
      'complete',
      'complete',
      'pruned',
      'failed',
      'running',
    ]);
    const value = () => draws.choice([draws.normal(), draws.normal(), draws.normal(), Number.NaN, Infinity]);
    trials.push({
      number,
      values,
      state,
      objectives: state === 'complete' ? Array.from({ length: objectives }, value) : null,
      reports:
        state === 'failed'
          ? []
          : [
              { step: 1, value: draws.normal() },
              { step: 2, value: value() },
            ],
    });
  }
  return trials;
}

function allowed(dimension: Dimension, value: Value | undefined): boolean {
  if (dimension.type === 'categorical') return dimension.choices.includes(value as Value);
  if (typeof value !== 'number' || value < dimension.low || value > dimension.high) return false;
  return dimension.type === 'real' || Number.isInteger((value - dimension.low) / dimension.step);
}

const SPACES: Record<string, Space> = {
  mixed: MIXED,
  'one point': [
    { name: 'x', type: 'real', low: 0.1, high: 0.1, log: true },
    { name: 'n', type: 'integer', low: 3, high: 4, log: false, step: 5 },
    { name: 'c', type: 'categorical', choices: [true] },
  ],
  categories: [{ name: 'c', type: 'categorical', choices: ['a', 1, false] }],
  'one number': [{ name: 'n', type: 'integer', low: 1, high: 1000, log: true, step: 7 }],
};

describe.each(NAMES)('%s', (name) => {
  const sampler = samplerOf(name, {});

  test.each(Object.keys(SPACES))('proposes values of the space, whatever happened before: %s', (key) => {
    const space = SPACES[key] as Space;
    for (const length of [0, 1, 9, 14, 30, 61]) {
      const history = historyOf(space, length);
      for (const direction of ['minimise', 'maximise'] as const) {
        const values = sampler.propose(space, [direction], history, 5);
        expect(Object.keys(values).sort()).toEqual(space.map((dimension) => dimension.name).sort());
        for (const dimension of space) expect(allowed(dimension, values[dimension.name])).toBe(true);
      }
    }
  });

  test('proposes the same again, and something else with another seed', () => {
    const history = historyOf(MIXED, 40);
    const before = JSON.stringify(history);
    const first = sampler.propose(MIXED, ['minimise'], history, 5);
    expect(samplerOf(name, {}).propose(MIXED, ['minimise'], history, 5)).toEqual(first);
    expect(JSON.stringify(history)).toBe(before);
    const seeds = [1, 2, 3, 4].map((seed) =>
      JSON.stringify(sampler.propose(MIXED, ['minimise'], history, seed)),
    );
    // The Gaussian process may well find the same point from wherever it starts.
    if (name !== 'gp') expect(new Set(seeds).size).toBeGreaterThan(1);
  });

  test('minimising and maximising the opposite are the same', () => {
    const history = historyOf(MIXED, 50);
    const opposite = history.map((trial) => ({
      ...trial,
      objectives: trial.objectives?.map((value) => -value) ?? null,
      reports: trial.reports.map(({ step, value }) => ({ step, value: -value })),
    }));
    expect(sampler.propose(MIXED, ['maximise'], opposite, 5)).toEqual(
      sampler.propose(MIXED, ['minimise'], history, 5),
    );
  });

  test('several objectives are taken or refused', () => {
    const history = historyOf(MIXED, 30, 2);
    const propose = () => sampler.propose(MIXED, ['minimise', 'maximise'], history, 5);
    if (name === 'gp' || name === 'cma-es') expect(propose).toThrow('one objective only');
    else expect(MIXED.every((dimension) => allowed(dimension, propose()[dimension.name]))).toBe(true);
  });

  test('a space that cannot be searched is one clear error', () => {
    const real = { name: 'x', type: 'real' as const, low: 0, high: 1, log: false };
    const refuse = (space: Space) => expect(() => sampler.propose(space, ['minimise'], [], 0));
    refuse([]).toThrow('no dimensions');
    refuse([real, real]).toThrow('x is there twice');
    refuse([{ ...real, low: 2 }]).toThrow('x is empty');
    refuse([{ ...real, log: true }]).toThrow('low must be above 0');
    refuse([{ name: 'c', type: 'categorical', choices: [] }]).toThrow('c has no choices');
    refuse([{ ...real, type: 'integer', step: 0.5 }]).toThrow('step');
  });
});

test('cma-es goes on while one trial of an early generation never ends', () => {
  const space: Space = [0, 1].map((i) => ({ name: `x${i}`, type: 'real', low: 0, high: 1, log: false }));
  const sampler = samplerOf('cma-es', {});
  const history: Trial[] = [];
  for (let number = 0; number < 120; number++) {
    const values = sampler.propose(space, ['minimise'], history, 0);
    const [a, b] = Object.values(values) as [number, number];
    const loss = (a - 0.9) ** 2 + (b - 0.2) ** 2;
    const stuck = number === 3;
    history.push({
      number,
      values,
      state: stuck ? 'running' : 'complete',
      objectives: stuck ? null : [loss],
      reports: [],
    });
  }
  const last = history.slice(-6).map(({ objectives }) => (objectives as number[])[0] as number);
  expect(Math.min(...last)).toBeLessThan(1e-4);
});
