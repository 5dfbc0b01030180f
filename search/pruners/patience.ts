import { lossOf } from '../history.ts';
import type { Pruner } from '../types.ts';

/**
 * A trial is stopped when its last `reports` reports brought no improvement of more than `delta` over the best before them:
 * early stopping (Prechelt, "Early Stopping - But When?", 1998), with the counting of Keras' EarlyStopping. A level curve
 * is no improvement.
 */
export interface PatienceOptions {
  /** So many reports without improvement. */
  reports: number;
  /** What counts as improvement: more than this. Default 0. */
  delta?: number;
}

export function patience({ reports, delta = 0 }: PatienceOptions): Pruner {
  if (!(Number.isSafeInteger(reports) && reports >= 1))
    throw new RangeError(`patience: reports is a whole number of at least 1, not ${reports}`);
  if (!(delta >= 0)) throw new RangeError(`patience: delta is at least 0, not ${delta}`);
  return {
    decide(trial, _trials, direction) {
      const inOrder = [...trial.reports].sort((a, b) => a.step - b.step);
      let best = Infinity;
      let waited = 0;
      for (const { value } of inOrder) {
        const loss = lossOf(value, direction);
        waited += 1;
        if (loss < best - delta) {
          best = loss;
          waited = 0;
        }
      }
      return waited >= reports ? 'stop' : 'go-on';
    },
  };
}
