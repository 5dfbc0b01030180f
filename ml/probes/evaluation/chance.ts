import { quantile } from '../../stats/quantile.ts';
import type { Cell } from './cells.ts';

/** What the same procedure gives on values permuted among word families. */
export interface Chance {
  mean: number;
  /** The central 95 % of the permutations. */
  low: number;
  high: number;
  permutations: number;
  /** Two-sided: (1 + #{permutations at least as far from no effect}) / (1 + permutations). */
  p_value: number;
}

type Shuffled = 'tau' | 'signAccuracy';

/** null without permutations. @param centre what no effect would give */
export function chanceOf(cell: Cell, measure: Shuffled, observed: number, centre = 0): Chance | null {
  return summary(permuted(cell, measure), observed, centre);
}

/**
 * Chance level of a difference of tau: all probes of a seed are refitted on the same permutations, so permutation s gives a
 * paired difference. Exact if neither model's activations tell of the feedback. If both tell equally much it still has
 * about the right spread: fitting, the choice of penalties, and the dependence between folds are all in it.
 */
export function chanceOfGap(of: Cell, minus: Cell, observed: number): Chance | null {
  const first = permuted(of, 'tau');
  const second = permuted(minus, 'tau');
  const count = Math.min(first.length, second.length);
  return summary(
    first.slice(0, count).map((value, s) => value - (second[s] as number)),
    observed,
    0,
  );
}

/** Permutation s of all seeds together: the mean over seeds, as for the observed value. */
function permuted({ runs }: Cell, measure: Shuffled): number[] {
  const count = Math.min(...runs.map(({ shuffled }) => shuffled[measure].length));
  return Array.from({ length: count }, (_, s) =>
    runs.reduce((sum, { shuffled }) => sum + (shuffled[measure][s] as number) / runs.length, 0),
  );
}

function summary(all: readonly number[], observed: number, centre: number): Chance | null {
  const values = all.filter(Number.isFinite);
  if (values.length === 0 || !Number.isFinite(observed)) return null;
  const bar = Math.abs(observed - centre) - 1e-12;
  const extreme = values.filter((value) => Math.abs(value - centre) >= bar).length;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: quantile(values, 0.025),
    high: quantile(values, 0.975),
    permutations: values.length,
    p_value: (1 + extreme) / (1 + values.length),
  };
}
