import { describe, expect, test } from 'vitest';
import { compareRegrets } from '../../bench/search/compare.ts';
import { FUNCTIONS, type TestFunction } from '../../bench/search/functions.ts';
import { regretsOf } from '../../bench/search/side.ts';
import { fixture } from './fixture.ts';

/** Seeds of ours; Optuna's 30 are recorded. The benchmark `search` runs all, of both, on all functions. */
const SEEDS: Record<string, number> = { random: 30, tpe: 20, 'cma-es': 10, gp: 8 };
/** The Gaussian process takes its time. */
const TAKEN = fixture.regrets.filter(
  (run) => run.sampler !== 'gp' || ['branin', 'rosenbrock-4'].includes(run.function),
);
/** Whether all trials are run, or half of them. */
const WHOLE = new Set(['random', 'gp']);

test('the functions have their minima where they are known to be', () => {
  const at = (name: string, values: Record<string, number | string>) =>
    (FUNCTIONS[name] as TestFunction).at(values) - (FUNCTIONS[name] as TestFunction).minimum;
  expect(at('branin', { x: Math.PI, y: 2.275 })).toBeCloseTo(0, 9);
  const x = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573];
  expect(at('hartmann-6', Object.fromEntries(x.map((v, i) => [`x${i}`, v])))).toBeCloseTo(0, 6);
  expect(at('rosenbrock-4', { x0: 1, x1: 1, x2: 1, x3: 1 })).toBe(0);
  expect(at('ackley-mixed', { rate: 1e-3, width: 64, depth: 3, variant: 'b' })).toBeCloseTo(0, 9);
});

describe.each(TAKEN)('$sampler on $function', (comparison) => {
  test('regrets are not worse than those of Optuna', { timeout: 120_000 }, () => {
    const { sampler, trials, regrets } = comparison;
    const whole = WHOLE.has(sampler);
    const wanted = { ...comparison, trials: whole ? trials : trials / 2 };
    const ours = Array.from({ length: SEEDS[sampler] as number }, (_, seed) => regretsOf(wanted, seed)[1]);
    const { interval, difference } = compareRegrets(
      ours,
      regrets.map((pair) => pair[whole ? 1 : 0]),
    );
    // Worse means that the interval of the difference of medians, in powers of ten, lies above 0.
    expect(interval[0]).toBeLessThanOrEqual(0);
    expect(difference).toBeLessThan(0.7);
  });
});
