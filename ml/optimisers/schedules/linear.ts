import type { Schedule } from './types.ts';
import { warmup } from './warmup.ts';

/** Warm-up, then down in a line to 0 at `total`. Source: transformers, get_linear_schedule_with_warmup. */
export const linearSchedule = ({ total, warmup: rise = 0 }: { total: number; warmup?: number }): Schedule =>
  warmup(rise, (step) => Math.max(0, (total - step) / Math.max(1, total - rise)));
