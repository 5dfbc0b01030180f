import { median } from '../ml/stats/quantile.ts';
import type { Direction, Trial } from './types.ts';

/** What the trials so far say, as losses: smaller is better, whatever the direction. */

/** The objectives as losses. NaN, where an objective could not be computed, is the worst there is. */
export function lossesOf(objectives: readonly number[], directions: readonly Direction[]): number[] {
  if (objectives.length !== directions.length)
    throw new RangeError(
      `search: a trial has ${objectives.length} objectives for ${directions.length} directions`,
    );
  return objectives.map((value, i) => lossOf(value, directions[i] as Direction));
}

export function lossOf(value: number, direction: Direction): number {
  if (Number.isNaN(value)) return Infinity;
  return direction === 'minimise' ? value : -value;
}

export interface Observed {
  trial: Trial;
  losses: number[];
}

/** The trials that ended with objectives, in the order proposed. */
export function completed(trials: readonly Trial[], directions: readonly Direction[]): Observed[] {
  const found: Observed[] = [];
  for (const trial of trials)
    if (trial.state === 'complete' && trial.objectives)
      found.push({ trial, losses: lossesOf(trial.objectives, directions) });
  return found;
}

/** The loss of the last report of a pruned trial, with its step; null without reports. */
export function lastReport(trial: Trial, direction: Direction): { step: number; loss: number } | null {
  let last: { step: number; value: number } | null = null;
  for (const report of trial.reports) if (last === null || report.step >= last.step) last = report;
  return last && { step: last.step, loss: lossOf(last.value, direction) };
}

/** Pruned trials, the most promising first: who came furthest, then who was better there, then who came first. */
export function prunedInOrder(trials: readonly Trial[], direction: Direction): Trial[] {
  const keyed = trials
    .filter((trial) => trial.state === 'pruned')
    .map((trial) => ({ trial, last: lastReport(trial, direction) }));
  keyed.sort((a, b) => {
    if (!a.last || !b.last) return (a.last ? 0 : 1) - (b.last ? 0 : 1) || a.trial.number - b.trial.number;
    return b.last.step - a.last.step || compare(a.last.loss, b.last.loss) || a.trial.number - b.trial.number;
  });
  return keyed.map(({ trial }) => trial);
}

/** Ascending, with equal infinities equal. */
export function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * One loss for each trial that ended complete or pruned, all finite, for models that need numbers. A pruned trial counts
 * as its last report, but as no better than the median of the complete ones: it was stopped because it was not good.
 * Infinite losses count as the worst finite one.
 */
export function finiteLosses(
  trials: readonly Trial[],
  direction: Direction,
): { trial: Trial; loss: number }[] {
  const done = completed(trials, [direction]);
  const finite = done.map(({ losses }) => losses[0] as number).filter(Number.isFinite);
  if (finite.length === 0) return [];
  const middle = median(finite);
  const found: { trial: Trial; loss: number }[] = done.map(({ trial, losses }) => ({
    trial,
    loss: losses[0] as number,
  }));
  for (const trial of trials) {
    const last = trial.state === 'pruned' ? lastReport(trial, direction) : null;
    if (last) found.push({ trial, loss: Math.max(last.loss, middle) });
  }
  let worst = -Infinity;
  let best = Infinity;
  for (const { loss } of found) {
    if (!Number.isFinite(loss)) continue;
    worst = Math.max(worst, loss);
    best = Math.min(best, loss);
  }
  found.sort((a, b) => a.trial.number - b.trial.number);
  return found.map(({ trial, loss }) => ({ trial, loss: Math.min(Math.max(loss, best), worst) }));
}
