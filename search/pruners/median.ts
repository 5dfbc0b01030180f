import { quantile } from '../../ml/stats/quantile.ts';
import { lossOf } from '../history.ts';
import type { Pruner } from '../types.ts';

/**
 * A trial is stopped when the best that it has reported is worse than the median of what the complete trials reported at the
 * same step (Golovin et al., "Google Vizier", 2017, section 3.2.1, with the value at the step and not its running average, as
 * optuna.pruners.MedianPruner).
 */
export interface MedianOptions {
  /** So many trials must be complete before any is stopped. Default 5. */
  startup?: number;
  /** No trial is stopped before this step. Default 0. */
  warmup?: number;
  /** It is looked at once in so many steps, counted from `warmup`. Default 1. */
  interval?: number;
}

export function medianRule({ startup = 5, warmup = 0, interval = 1 }: MedianOptions = {}): Pruner {
  if (!(startup >= 0)) throw new RangeError(`median: startup is at least 0, not ${startup}`);
  if (!(warmup >= 0)) throw new RangeError(`median: warmup is at least 0, not ${warmup}`);
  if (!(interval >= 1)) throw new RangeError(`median: interval is at least 1, not ${interval}`);
  return {
    decide(trial, trials, direction) {
      const done = trials.filter((other) => other.state === 'complete' && other.number !== trial.number);
      const steps = trial.reports.map(({ step }) => step);
      if (done.length === 0 || done.length < startup || steps.length === 0) return 'go-on';
      const step = Math.max(...steps);
      if (step < warmup) return 'go-on';
      const due = Math.floor((step - warmup) / interval) * interval + warmup;
      if (steps.some((earlier) => earlier < step && earlier >= due)) return 'go-on';

      const own = trial.reports.filter(({ value }) => !Number.isNaN(value));
      if (own.length === 0) return 'stop';
      const best = Math.min(...own.map(({ value }) => lossOf(value, direction)));
      const others: number[] = [];
      for (const other of done)
        for (const report of other.reports)
          if (report.step === step && !Number.isNaN(report.value))
            others.push(lossOf(report.value, direction));
      return others.length > 0 && best > quantile(others, 0.5) ? 'stop' : 'go-on';
    },
  };
}
