import { compare, lossOf } from '../history.ts';
import type { Direction, Pruner, Trial } from '../types.ts';

/**
 * Asynchronous successive halving, ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020, algorithm
 * 2), in the form that decides without waiting: a trial that reaches rung r, at step
 *
 *   min * factor^(skip + r),
 *
 * goes on if it is among the best 1/factor of those that have reached that rung so far, itself included, and is stopped
 * otherwise; while there are fewer than `factor`, only the best goes on. (The paper pauses a trial and may promote it later.
 * optuna.pruners.SuccessiveHalvingPruner decides as this does.)
 */
export interface SuccessiveHalvingOptions {
  /** The step of the first rung. Default 1. */
  min?: number;
  /** One in so many goes on. Default 4. */
  factor?: number;
  /** So many rungs are left out at the beginning (`s` in the paper). Default 0. */
  skip?: number;
}

/** A pruner that decides at known steps only, so that a training can be run from one to the next. */
export interface RungPruner extends Pruner {
  /** The steps, ascending and below `longest`, at which trial `number` is judged. */
  rungs(number: number, longest: number): number[];
}

export function successiveHalving({
  min = 1,
  factor = 4,
  skip = 0,
}: SuccessiveHalvingOptions = {}): RungPruner {
  if (!(min >= 1)) throw new RangeError(`asha: min is at least 1, not ${min}`);
  if (!(Number.isSafeInteger(factor) && factor >= 2))
    throw new RangeError(`asha: factor is a whole number of at least 2, not ${factor}`);
  if (!(Number.isSafeInteger(skip) && skip >= 0))
    throw new RangeError(`asha: skip is a whole number of at least 0, not ${skip}`);
  const stepOf = (rung: number) => min * factor ** (skip + rung);
  return {
    rungs(_number, longest) {
      const steps: number[] = [];
      for (let rung = 0; stepOf(rung) < longest; rung++) steps.push(stepOf(rung));
      return steps;
    },
    decide(trial, trials, direction) {
      const last = trial.reports.reduce((most, { step }) => Math.max(most, step), -Infinity);
      for (let rung = 0; stepOf(rung) <= last; rung++) {
        const own = lossAt(trial, stepOf(rung), direction);
        // A rung is judged once, by the report that reached it.
        if (own === null || own.step < last) continue;
        if (own.loss === Infinity) return 'stop';
        const others = trials.filter((other) => other.number !== trial.number);
        const reached = others.flatMap((other) => lossAt(other, stepOf(rung), direction)?.loss ?? []);
        const losses = [...reached, own.loss].sort(compare);
        const place = Math.max(Math.floor(losses.length / factor), 1) - 1;
        if (own.loss > (losses[place] as number)) return 'stop';
      }
      return 'go-on';
    },
  };
}

/** The first report at or beyond a step. */
function lossAt(trial: Trial, step: number, direction: Direction): { step: number; loss: number } | null {
  let first: { step: number; value: number } | null = null;
  for (const report of trial.reports)
    if (report.step >= step && (first === null || report.step < first.step)) first = report;
  return first && { step: first.step, loss: lossOf(first.value, direction) };
}
