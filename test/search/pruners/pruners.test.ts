import { describe, expect, test } from 'vitest';
import { hyperband } from '../../../search/pruners/hyperband.ts';
import { none } from '../../../search/pruners/none.ts';
import { patience } from '../../../search/pruners/patience.ts';
import { successiveHalving } from '../../../search/pruners/successive-halving.ts';
import { prunerOf } from '../../../search/pruners.ts';
import type { Direction, Pruner, Trial } from '../../../search/types.ts';
import { fixture } from '../fixture.ts';

/** The step at which each of the trials, run in turn, is stopped; null where it ends. Steps count from 1. */
function runInTurn(pruner: Pruner, curves: readonly (readonly number[])[], direction: Direction) {
  const trials: Trial[] = [];
  return curves.map((curve, number) => {
    const trial: Trial = { number, values: {}, state: 'running', objectives: null, reports: [] };
    trials.push(trial);
    const reports: { step: number; value: number }[] = [];
    for (const [i, value] of curve.entries()) {
      reports.push({ step: i + 1, value });
      const now = { ...trial, reports };
      if (pruner.decide(now, trials, direction) === 'stop') {
        trials[number] = { ...now, state: 'pruned' };
        return i + 1;
      }
    }
    trials[number] = {
      ...trial,
      reports,
      state: 'complete',
      objectives: [curve[curve.length - 1] as number],
    };
    return null;
  });
}

describe.each(fixture.pruning)(
  '$pruner $options to $direction',
  ({ pruner, options, direction, curves, stopped }) => {
    test('stops each trial where Optuna stops it', () => {
      expect(runInTurn(prunerOf(pruner, options), curves, direction)).toEqual(stopped);
      expect(stopped.filter((step) => step !== null).length).toBeGreaterThan(5);
    });
  },
);

const reported = (number: number, values: number[], state: Trial['state'] = 'running'): Trial => ({
  number,
  values: {},
  state,
  objectives: state === 'complete' ? [values[values.length - 1] as number] : null,
  reports: values.map((value, i) => ({ step: i + 1, value })),
});

describe('successive halving', () => {
  test('its rungs are powers of the factor below the longest', () => {
    expect(successiveHalving({ min: 2, factor: 3 }).rungs(0, 60)).toEqual([2, 6, 18, 54]);
    expect(successiveHalving({ min: 2, factor: 3, skip: 2 }).rungs(0, 54)).toEqual([18]);
  });

  test('reports that skip a rung are judged by it where they first are beyond', () => {
    const pruner = successiveHalving({ min: 10, factor: 2 });
    const sparse = (number: number, value: number): Trial => ({
      ...reported(number, []),
      reports: [{ step: 15, value }],
    });
    const others = [sparse(0, 1), sparse(1, 2), sparse(2, 3)];
    expect(pruner.decide(sparse(3, 1.5), others, 'minimise')).toBe('go-on');
    expect(pruner.decide(sparse(3, 2.5), others, 'minimise')).toBe('stop');
    expect(pruner.decide(sparse(3, 2.5), others, 'maximise')).toBe('go-on');
  });

  test('what could not be computed is stopped', () => {
    expect(successiveHalving().decide(reported(0, [Number.NaN]), [], 'maximise')).toBe('stop');
  });
});

describe('hyperband', () => {
  const pruner = hyperband({ max: 81 });

  test('gives brackets trials in the proportion of the paper', () => {
    const first = Array.from({ length: 1430 }, (_, number) => pruner.rungs(number, 81)[0] ?? 81);
    const share = (step: number) => first.filter((one) => one === step).length / 10;
    // ceil(5 * 3^s / (s + 1)) for s = 4 .. 0: 81, 34, 15, 8, 5 of 143.
    for (const [step, expected] of [
      [1, 81],
      [3, 34],
      [9, 15],
      [27, 8],
      [81, 5],
    ] as const)
      expect(Math.abs(share(step) - expected)).toBeLessThan(1);
  });

  test('a trial is compared with those of its bracket only', () => {
    const same = Array.from({ length: 60 }, (_, n) => n).filter((n) => pruner.rungs(n, 81)[0] === 3);
    const [judged, ...rest] = same as [number, ...number[]];
    const better = Array.from({ length: 60 }, (_, n) => n)
      .filter((n) => !same.includes(n))
      .map((n) => reported(n, [0, 0, 0]));
    expect(pruner.decide(reported(judged, [1, 1, 1]), better, 'minimise')).toBe('go-on');
    expect(
      pruner.decide(
        reported(judged, [1, 1, 1]),
        [...better, reported(rest[0] as number, [0, 0, 0])],
        'minimise',
      ),
    ).toBe('stop');
  });

  test('the longest is at least the first', () => {
    expect(() => hyperband({ min: 10, max: 5 })).toThrow('hyperband: max');
  });
});

describe('patience', () => {
  const at = (values: number[], direction: Direction = 'minimise', delta = 0) =>
    patience({ reports: 3, delta }).decide(reported(0, values), [], direction);

  test('stops after so many reports without improvement, also when they are level', () => {
    expect(at([5, 4, 4.5, 4.2])).toBe('go-on');
    expect(at([5, 4, 4.5, 4.2, 4])).toBe('stop');
    expect(at([5, 4, 4.5, 4.2, 3.9])).toBe('go-on');
    expect(at([1, 2, 3, 4], 'maximise')).toBe('go-on');
    expect(at([4, 1, 2, 3], 'maximise')).toBe('stop');
  });

  test('small improvements do not count', () => {
    expect(at([5, 4.95, 4.93, 4.91], 'minimise', 0.1)).toBe('stop');
    expect(at([5, 4.95, 4.93, 4.85], 'minimise', 0.1)).toBe('go-on');
  });

  test('a curve that never was a number is stopped', () => {
    expect(at([Number.NaN, Number.NaN, Number.NaN])).toBe('stop');
  });
});

test('none stops nothing', () => {
  expect(none().decide(reported(0, [Number.NaN]), [], 'minimise')).toBe('go-on');
});
