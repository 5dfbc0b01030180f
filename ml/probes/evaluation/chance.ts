import { quantile } from '../../stats/quantile.ts';
import { SCORES, type Score } from '../types.ts';
import type { Cell } from './cells.ts';
import type { Measure } from './measures.ts';

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

/** What no effect would give. */
const CENTRES: Record<Score, number> = { tau: 0, spearman: 0, pearson: 0, auc: 0.5, signAccuracy: 0.5 };

const isScore = (measure: Measure): measure is Extract<Measure, Score> =>
  (SCORES as readonly string[]).includes(measure);

/** null without permutations, or where the measure is not kept of them. */
export function chanceOf(cell: Cell, measure: Measure, observed: number): Chance | null {
  return isScore(measure) ? summary(permuted(cell, measure), observed, CENTRES[measure]) : null;
}

/**
 * Chance level of a difference: all probes of a seed are refitted on the same permutations, so permutation s gives a
 * paired difference. Exact if neither model's activations tell of the feedback. If both tell equally much it still has
 * about the right spread: fitting, the choice of penalties, and the dependence between folds are all in it.
 */
export function chanceOfGap(of: Cell, minus: Cell, measure: Measure, observed: number): Chance | null {
  if (!isScore(measure)) return null;
  const first = permuted(of, measure);
  const second = permuted(minus, measure);
  const count = Math.min(first.length, second.length);
  return summary(
    first.slice(0, count).map((value, s) => value - (second[s] as number)),
    observed,
    0,
  );
}

/** Permutation s of all seeds together: the mean over seeds, as for the observed value. */
function permuted({ runs }: Cell, measure: Score): number[] {
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
