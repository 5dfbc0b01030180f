import type { Schedule } from './types.ts';
import { warmup } from './warmup.ts';

/** 1, after a linear warm-up. Source: transformers, get_constant_schedule_with_warmup. */
export const constantSchedule = (options: { warmup?: number } = {}): Schedule =>
  warmup(options.warmup ?? 0, () => 1);
