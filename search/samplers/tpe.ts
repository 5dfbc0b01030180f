import { stream } from '../../ml/random/stream.ts';
import { compare, completed, type Observed, prunedInOrder } from '../history.ts';
import { largestSubset } from '../hypervolume.ts';
import { nonDominationRanks } from '../pareto.ts';
import { checkSpace } from '../space.ts';
import type { Direction, Sampler, Space, Trial, Value } from '../types.ts';
import { ParzenEstimator, recencyWeights } from './parzen.ts';
import { random } from './random.ts';

/**
 * The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011): trials are split
 * into good and other, a density is made of each, and of some draws from the good one that is proposed for which good(x) / other(x)
 * is largest. Defaults and details are those of Optuna 5:
 *
 *   good      the best ceil(0.1 n) of n finished trials, at most 25; pruned ones after all complete ones
 *   running   counted among the others, so that proposals made at the same time keep apart (constant liar)
 *   startup   10 finished trials before, proposed at random
 *   joint     with one objective the densities are over all dimensions together; with several each dimension by itself
 *   several objectives (Ozaki et al., "Multiobjective Tree-Structured Parzen Estimator", JAIR 2022): the good are the best by
 *             non-domination rank, in the last rank those of largest joint hypervolume, without the limit of 25, equally weighted
 */
export interface TpeOptions {
  /** So many finished trials before the first estimate. Default 10. */
  startup?: number;
  /** Draws that are compared. Default 24. */
  candidates?: number;
  /** Densities over all dimensions together. Default: with one objective. */
  joint?: boolean;
}

export function tpe({ startup = 10, candidates = 24, joint }: TpeOptions = {}): Sampler {
  if (!(candidates >= 1)) throw new RangeError(`tpe: candidates is at least 1, not ${candidates}`);
  const atRandom = random();
  return {
    propose(space, directions, trials, seed) {
      checkSpace(space);
      const finished = trials.filter(({ state }) => state === 'complete' || state === 'pruned').length;
      if (finished < Math.max(startup, 1)) return atRandom.propose(space, directions, trials, seed);

      const { good, other } = splitTrials(trials, directions);
      const values: Record<string, Value> = {};
      for (const part of (joint ?? directions.length === 1)
        ? [space]
        : space.map((dimension) => [dimension])) {
        const goodWeights = directions.length > 1 ? good.map(() => 1) : recencyWeights(good.length);
        const likely = new ParzenEstimator(part, valuesOf(good), goodWeights);
        const unlikely = new ParzenEstimator(part, valuesOf(other), recencyWeights(other.length));
        const draws = stream(seed, `search.tpe.${trials.length}.${partName(part, space)}`);
        Object.assign(values, best(likely, unlikely, candidates, draws));
      }
      return values;
    },
  };
}

const valuesOf = (trials: readonly Trial[]) => trials.map(({ values }) => values);

/** Dimensions that are estimated one by one draw from streams of their own. */
function partName(part: Space, space: Space): string {
  return part === space ? 'joint' : (part[0] as Space[number]).name;
}

function best(
  likely: ParzenEstimator,
  unlikely: ParzenEstimator,
  candidates: number,
  draws: ReturnType<typeof stream>,
): Record<string, Value> {
  let chosen: Record<string, Value> = {};
  let most = -Infinity;
  for (let i = 0; i < candidates; i++) {
    const values = likely.sample(draws);
    const gain = likely.logDensity(values) - unlikely.logDensity(values);
    if (i === 0 || gain > most) {
      most = gain;
      chosen = values;
    }
  }
  return chosen;
}

/** Both in the order proposed, so that weights by recency are right. */
export function splitTrials(
  trials: readonly Trial[],
  directions: readonly Direction[],
): { good: Trial[]; other: Trial[] } {
  const complete = completed(trials, directions);
  const pruned = prunedInOrder(trials, directions[0] as Direction);
  const share = Math.ceil(0.1 * (complete.length + pruned.length));
  const count = directions.length === 1 ? Math.min(share, 25) : share;
  const fromComplete =
    directions.length === 1
      ? bestOf(complete, count)
      : bestByRank(complete, Math.min(count, complete.length));
  const good = new Set([...fromComplete, ...pruned.slice(0, Math.max(0, count - complete.length))]);
  return {
    good: trials.filter((trial) => good.has(trial)),
    other: trials.filter((trial) => !good.has(trial) && trial.state !== 'failed'),
  };
}

function bestOf(complete: readonly Observed[], count: number): Trial[] {
  const sorted = [...complete].sort((a, b) => compare(a.losses[0] as number, b.losses[0] as number));
  return sorted.slice(0, count).map(({ trial }) => trial);
}

function bestByRank(complete: readonly Observed[], count: number): Trial[] {
  const ranks = nonDominationRanks(complete.map(({ losses }) => losses));
  const chosen: Trial[] = [];
  for (let rank = 0; chosen.length < count; rank++) {
    const level = complete.filter((_, i) => ranks[i] === rank);
    const room = count - chosen.length;
    const losses = level.map((one) => one.losses);
    for (const i of mostSpread(losses, room)) chosen.push((level[i] as Observed).trial);
  }
  return chosen;
}

/** All where there is room; where an objective could not be computed there are no volumes, and the first are taken. */
function mostSpread(losses: readonly (readonly number[])[], room: number): number[] {
  const all = losses.map((_, i) => i);
  if (losses.length <= room) return all;
  const reference = referencePoint(losses);
  return reference.every(Number.isFinite) ? largestSubset(losses, reference, room) : all.slice(0, room);
}

/** A little worse than the worst in each objective (Optuna's). */
function referencePoint(losses: readonly (readonly number[])[]): number[] {
  const [first] = losses as [readonly number[]];
  return first.map((_, i) => {
    const worst = Math.max(...losses.map((loss) => loss[i] as number));
    return Math.max(1.1 * worst, 0.9 * worst) || 1e-12;
  });
}
