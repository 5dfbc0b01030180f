import { type HyperbandOptions, hyperband } from './pruners/hyperband.ts';
import { type MedianOptions, medianRule } from './pruners/median.ts';
import { none } from './pruners/none.ts';
import { type PatienceOptions, patience } from './pruners/patience.ts';
import { type SuccessiveHalvingOptions, successiveHalving } from './pruners/successive-halving.ts';
import type { Pruner } from './types.ts';

export interface PrunerOptions {
  none: Record<string, never>;
  median: MedianOptions;
  asha: SuccessiveHalvingOptions;
  hyperband: HyperbandOptions;
  patience: PatienceOptions;
}

export type PrunerName = keyof PrunerOptions;

const PRUNERS: { [N in PrunerName]: (options: PrunerOptions[N]) => Pruner } = {
  none,
  median: medianRule,
  asha: successiveHalving,
  hyperband,
  patience,
};

/** A pruner by the name that an experiment gives it. RangeError for options that make no sense. */
export function prunerOf<N extends PrunerName>(name: N, options: PrunerOptions[N]): Pruner {
  return PRUNERS[name](options);
}
