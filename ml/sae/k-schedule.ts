/**
 * How many features a row keeps at a step: from `start` down to k in a line over `steps` steps, rounded (sparsify's
 * `k_decay_steps`; dictionary_learning's `k_anneal_steps` rounds down). Many features get a gradient at first, so fewer die.
 */
export interface KSchedule {
  k: number;
  /** Absent: k from the first step on. */
  annealing?: { start: number; steps: number };
}

/** @param step 0-based */
export function keptAt({ k, annealing }: KSchedule, step: number): number {
  if (!annealing || step >= annealing.steps) return k;
  const progress = step / annealing.steps;
  return Math.round(annealing.start * (1 - progress) + k * progress);
}
