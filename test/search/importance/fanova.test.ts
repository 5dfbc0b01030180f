import { expect, test } from 'vitest';
import { importances } from '../../../search/importance/fanova.ts';
import type { Space, Trial } from '../../../search/types.ts';
import { fixture, MIXED, trialOf } from '../fixture.ts';

const SPACE: Space = [
  { name: 'exponent', type: 'real', low: -6, high: 0, log: false },
  ...MIXED.filter(({ name }) => ['ratio', 'width', 'variant'].includes(name)),
];
const trials = fixture.importances.trials.map(({ values, loss }, number) => trialOf(number, values, loss));
/** The variances that the function has, each by itself: there is nothing together. */
const TRUE: Record<string, number> = {
  exponent: 0.8 / 2.575,
  ratio: 1.333 / 2.575,
  width: 0,
  variant: 0.442 / 2.575,
};

test('shares are those of the function, and nearly those of Optuna', () => {
  const found = importances(SPACE, ['minimise'], trials, 0, 0) as Record<string, number>;
  const total = Object.values(found).reduce((sum, share) => sum + share, 0);
  expect(total).toBeGreaterThan(0.85);
  expect(total).toBeLessThanOrEqual(1 + 1e-9);
  for (const [name, truth] of Object.entries(TRUE)) {
    const share = (found[name] as number) / total;
    const theirs = fixture.importances.shares[name] as number[];
    const middle = theirs.reduce((sum, one) => sum + one, 0) / theirs.length;
    expect(Math.abs(share - middle)).toBeLessThan(0.06);
    // Of 150 trials the trees see most of the valley, not all.
    expect(Math.abs(share - truth)).toBeLessThan(0.13);
  }
});

test('what only matters together is not given to either', () => {
  const space: Space = ['a', 'b'].map((name) => ({ name, type: 'categorical', choices: [0, 1] }));
  const both: Trial[] = Array.from({ length: 40 }, (_, n) => {
    const values = { a: n % 2, b: (n >> 1) % 2 };
    return trialOf(n, values, values.a === values.b ? 1 : 0);
  });
  const found = importances(space, ['maximise'], both, 0, 1) as Record<string, number>;
  expect(found['a']).toBeLessThan(0.05);
  expect(found['b']).toBeLessThan(0.05);
});

test('the same trials and seed give the same; too few, or all equal, give none', () => {
  expect(importances(SPACE, ['minimise'], trials, 0, 7)).toEqual(
    importances(SPACE, ['minimise'], trials, 0, 7),
  );
  expect(importances(SPACE, ['minimise'], trials.slice(0, 3), 0, 0)).toBeNull();
  const level = trials.map((trial) => ({ ...trial, objectives: [1] }));
  expect(importances(SPACE, ['minimise'], level, 0, 0)).toBeNull();
});
