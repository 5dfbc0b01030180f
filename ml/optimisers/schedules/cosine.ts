import type { Schedule } from './types.ts';
import { warmup } from './warmup.ts';

/**
 * Warm-up, then half a cosine down to `floor` at `total` (Loshchilov & Hutter 2017, eq. 5, one cycle).
 * Source: transformers, get_cosine_schedule_with_warmup, where floor is 0.
 */
export const cosineSchedule = (options: { total: number; warmup?: number; floor?: number }): Schedule => {
  const { total, warmup: rise = 0, floor = 0 } = options;
  return warmup(rise, (step) => {
    const progress = Math.min(1, (step - rise) / Math.max(1, total - rise));
    return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  });
};
