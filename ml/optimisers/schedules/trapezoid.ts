import type { Schedule } from './types.ts';
import { warmup } from './warmup.ts';

/**
 * Warm-up, 1, then from `decayStart` down in a line to 0 at `total`. Also known as warm-up-stable-decay.
 * Source: dictionary_learning, get_lr_schedule.
 */
export const trapezoidSchedule = (options: {
  total: number;
  warmup?: number;
  decayStart?: number;
}): Schedule => {
  const { total, warmup: rise = 0, decayStart = total } = options;
  return warmup(rise, (step) => (step < decayStart ? 1 : Math.max(0, (total - step) / (total - decayStart))));
};
