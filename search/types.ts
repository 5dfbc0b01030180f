/**
 * What a search is made of. Samplers and pruners are pure: what they return depends on their arguments alone, so that a
 * workflow that is replayed, on whatever machine, proposes and stops the same.
 */

export type Value = number | string | boolean;

/** One thing that is searched over. Bounds are inclusive; `log`: evenly in the logarithm; `step`: the grid low, low + step, ... */
export type Dimension =
  | { name: string; type: 'real'; low: number; high: number; log: boolean }
  | { name: string; type: 'integer'; low: number; high: number; log: boolean; step: number }
  | { name: string; type: 'categorical'; choices: Value[] };

export type Space = readonly Dimension[];

export type TrialState = 'running' | 'complete' | 'pruned' | 'failed';

export interface Trial {
  /** 0-based, in the order proposed. */
  number: number;
  values: Record<string, Value>;
  state: TrialState;
  /** As reported; null while running or failed. */
  objectives: readonly number[] | null;
  /** Intermediate values of the first objective. */
  reports: readonly { step: number; value: number }[];
}

export type Direction = 'minimise' | 'maximise';

export interface Sampler {
  /** The values of trial `trials.length`. RangeError when the sampler cannot search such a space. */
  propose(
    space: Space,
    directions: readonly Direction[],
    trials: readonly Trial[],
    seed: number,
  ): Record<string, Value>;
}

export type PruneDecision = 'go-on' | 'stop';

export interface Pruner {
  /** Asked after each report of `trial`, which is one of `trials` or not. */
  decide(trial: Trial, trials: readonly Trial[], direction: Direction): PruneDecision;
}
