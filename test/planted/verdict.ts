import { exactProportion } from '../../ml/stats/exact-proportion.ts';
import { meanInterval } from '../../ml/stats/mean-interval.ts';
import type { Estimate } from '../../ml/stats/types.ts';

/**
 * The stated limits.
 *
 * A planted truth is found when the 95 % interval over seeds of the AUC for rewarded words (corrected, activations, tuned
 * minus before tuning) lies above 0.5, and those of the controls (the model before tuning, a random one) do not. The same
 * of dictionary features is measured beside it and is no limit.
 *
 * Without feedback: the share of seeds in which the corrected protocol claims a gap is within 5 % when the exact upper bound
 * (one-sided, 95 %) is at most 5 %: no claim in 59 seeds, at most 1 in 93, at most 2 in 124. Where the share alone is at
 * most 5 %, but the seeds are too few to bound it, nothing is refuted, and nothing shown.
 */
export const FALSE_POSITIVES = 0.05;
const LEVEL = 0.95;
/** The fewest seeds that can show it: (1 - 5 %)^n <= 5 %. */
export const ENOUGH_SEEDS = Math.ceil(Math.log(1 - LEVEL) / Math.log(1 - FALSE_POSITIVES));

/** What was measured of a seed, by name. */
export type Measures = Record<string, number>;

export type Verdict = 'shown' | 'not-shown' | 'too-few-seeds';

export interface Judged {
  verdict: Verdict;
  estimates: Record<string, Estimate>;
}

const over = (seeds: readonly Measures[], name: string) =>
  meanInterval(
    seeds.map((seed) => seed[name] as number),
    'seed',
    LEVEL,
  );

/** Two-sided at 90 %: its upper end alone holds at 95 %. */
const share = (seeds: readonly Measures[], name: string, level = LEVEL) =>
  exactProportion(seeds.filter((seed) => seed[name] === 1).length, seeds.length, 'seed', level);

export function judgePlanted(seeds: readonly Measures[]): Judged {
  const names = Object.keys(seeds[0] as Measures).filter((name) => !/found|seeds|words/.test(name));
  const estimates = {
    ...Object.fromEntries(names.map((name) => [name, over(seeds, name)])),
    ...Object.fromEntries(
      ['raw_found', 'sae_found', 'raw_found_faithful', 'sae_found_faithful'].map((name) => [
        name,
        share(seeds, name),
      ]),
    ),
  };
  const low = (name: string) => estimates[name]?.ci_low;
  const found = low('raw_auc_gap');
  if (found === undefined) return { verdict: 'too-few-seeds', estimates };
  const controls = [low('raw_auc_base'), low('raw_auc_random')];
  const shown = found > 0.5 && controls.every((bound) => (bound as number) <= 0.5);
  return { verdict: shown ? 'shown' : 'not-shown', estimates };
}

export function judgeNull(seeds: readonly Measures[]): Judged {
  const found = share(seeds, 'found', 2 * LEVEL - 1);
  const estimates = { found, found_faithful: share(seeds, 'found_faithful') };
  if ((found.ci_high as number) <= FALSE_POSITIVES) return { verdict: 'shown', estimates };
  const possible = seeds.length < ENOUGH_SEEDS && found.value <= FALSE_POSITIVES;
  return { verdict: possible ? 'too-few-seeds' : 'not-shown', estimates };
}
