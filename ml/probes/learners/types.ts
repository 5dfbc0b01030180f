import type { Matrix } from '../algebra/matrix.ts';
import type { LinearProbe } from '../linear-probe.ts';

/**
 * A method of fitting, as the protocols use it. Targets are what words are worth; a classifier takes their signs.
 */
export interface Learner {
  /** Predicts log-odds of a positive value instead of the value. */
  readonly classifies: boolean;
  /** The penalty of the published probe: scikit-learn's default. */
  readonly usualPenalty: number;
  /**
   * Fits rows to any number of targets, each time with the penalty for which rows are predicted best by a fit without their
   * group, one group left out in turn.
   * @param groups one label a row, two different ones at least
   */
  chooser(X: Matrix, groups: ArrayLike<number | string>): Chooser;
  /** Fits rows to any number of targets with the penalty given. */
  at(X: Matrix, penalty: number): Fitter;
  /** The penalty that weighs as much against `to` rows as `penalty` does against `from` rows. */
  perRow(penalty: number, from: number, to: number): number;
}

/** @param rough close enough for a control of which only a rank or a sign is read */
export type Fitter = (targets: ArrayLike<number>, rough?: boolean) => LinearProbe;

export interface Chooser {
  choose(targets: ArrayLike<number>): { probe: LinearProbe; penalty: number };
  /** The same for many targets, roughly. */
  controls(all: readonly ArrayLike<number>[]): LinearProbe[];
}
