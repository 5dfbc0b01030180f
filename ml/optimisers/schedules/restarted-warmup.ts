import type { Schedule } from './types.ts';

/**
 * Rises linearly from 0 over `warmup` steps, again after every `every`-th step up to `until`. Multiply other schedules by it.
 * Source: dictionary_learning, get_lr_schedule with `resample_steps`: rows that were started anew have no moments yet.
 */
export const restartedWarmup =
  (options: { every: number; until: number; warmup: number }): Schedule =>
  (step) => {
    const { every, until, warmup } = options;
    const restart = Math.min(Math.floor(step / every), Math.floor(until / every)) * every;
    return warmup === 0 ? 1 : Math.min((step - restart) / warmup, 1);
  };
