import { readFileSync } from 'node:fs';
import type { Comparison } from '../../bench/search/side.ts';
import type { Direction, Space, Trial, TrialState, Value } from '../../search/types.ts';

/** What test/fixtures/make/search.py recorded. */
export interface Fixture {
  sobol: { points: number[]; dimensions: number[]; bits: number[][] };
  parzen: { observed: Record<string, Value>[]; asked: Record<string, Value>[]; log: number[] }[];
  split: {
    directions: Direction[];
    trials: { number: number; state: TrialState; objectives: number[] | null; reports: Trial['reports'] }[];
    good: number[];
  }[];
  cma: { points: number[][]; losses: number[]; mean: number[]; sigma: number; covariance: number[][] }[];
  process: {
    points: number[][];
    targets: number[];
    categorical: boolean[];
    raw: number[];
    value: number;
    gradient: number[];
    asked: number[][];
    mean: number[];
    variance: number[];
    best: number;
    log_improvement: number[];
    improvement_gradient: number[][];
    fitted_value: number;
  };
  pruning: {
    pruner: 'median' | 'asha';
    options: Record<string, number>;
    direction: Direction;
    curves: number[][];
    stopped: (number | null)[];
  }[];
  fronts: {
    losses: number[][];
    reference: number[];
    ranks: number[];
    volume: number;
    distinct: number[][];
    subset: number[];
  }[];
  importances: {
    trials: { values: Record<string, Value>; loss: number }[];
    shares: Record<string, number[]>;
  };
  regrets: (Comparison & { regrets: [number, number][] })[];
}

export const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/search.json', import.meta.url), 'utf8'),
) as Fixture;

/** The space of the fixture's mixed values. */
export const MIXED: Space = [
  { name: 'rate', type: 'real', low: 1e-6, high: 1, log: true },
  { name: 'ratio', type: 'real', low: -2, high: 3, log: false },
  { name: 'width', type: 'integer', low: 4, high: 1024, log: true, step: 1 },
  { name: 'depth', type: 'integer', low: 2, high: 11, log: false, step: 3 },
  { name: 'variant', type: 'categorical', choices: ['a', 'b', 'c'] },
];

export function trialOf(number: number, values: Record<string, Value>, ...objectives: number[]): Trial {
  return { number, values, state: 'complete', objectives, reports: [] };
}
