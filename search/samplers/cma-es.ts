import { type RandomStream, stream } from '../../ml/random/stream.ts';
import { compare, lastReport, lossOf } from '../history.ts';
import { checkSpace, fromUnit, isNumeric, type Numeric, sizeOf, toUnit, valueIn } from '../space.ts';
import type { Direction, Sampler, Trial, Value } from '../types.ts';
import { CmaState, defaultPopulation } from './cma-state.ts';
import { tpe } from './tpe.ts';

/**
 * CMA-ES over the numeric dimensions, each as [0, 1] (cma-state.ts has the method). Its state is not kept but made anew from the
 * trials: consecutive numbers are a generation, `population` long, and generations are told in order. A generation whose last trials
 * still run is waited for (proposals come from the state before it) until as many later ones have ended; then it is told without
 * them. A pruned trial ranks after all complete ones, a failed one is left out.
 *
 *   start       the middle, sigma 1/6 (Optuna's)
 *   bounds      a draw outside is drawn again, up to 10 times a dimension, then clipped
 *   restarts    when a run has nothing more to find, another starts at a random place with twice the population
 *               (Auger & Hansen, "A Restart CMA Evolution Strategy With Increasing Population Size", 2005)
 *   categories  proposed by TPE on them alone
 */
export interface CmaEsOptions {
  /** Default 4 + floor(3 ln n). At least 4. */
  population?: number;
  /** The first width, in [0, 1]. Default 1/6. */
  sigma?: number;
  /** Default true. */
  restarts?: boolean;
}

export function cmaEs({ population, sigma = 1 / 6, restarts = true }: CmaEsOptions = {}): Sampler {
  if (population !== undefined && !(Number.isSafeInteger(population) && population >= 4))
    throw new RangeError(`cma-es: population is a whole number of at least 4, not ${population}`);
  if (!(sigma > 0)) throw new RangeError(`cma-es: sigma is above 0, not ${sigma}`);
  const forCategories = tpe();
  return {
    propose(space, directions, trials, seed) {
      checkSpace(space);
      if (directions.length !== 1) throw new RangeError('cma-es: one objective only; tpe takes several');
      const numbers = space.filter(isNumeric).filter((dimension) => sizeOf(dimension) > 1);
      const others = space.filter((dimension) => !numbers.some((number) => number === dimension));
      const values: Record<string, Value> =
        others.length > 0 ? forCategories.propose(others, directions, trials, seed) : {};
      if (numbers.length === 0) return values;

      const state = replay(numbers, directions[0] as Direction, trials, seed, {
        population,
        sigma,
        restarts,
      });
      const point = within(state, stream(seed, `search.cma-es.${trials.length}`));
      for (const [i, dimension] of numbers.entries())
        values[dimension.name] = fromUnit(dimension, point[i] as number);
      return values;
    },
  };
}

/** The state after all generations that can be told. */
function replay(
  numbers: readonly Numeric[],
  direction: Direction,
  trials: readonly Trial[],
  seed: number,
  options: { population: number | undefined; sigma: number; restarts: boolean },
): CmaState {
  const n = numbers.length;
  let size = options.population ?? defaultPopulation(n);
  let state = new CmaState(size, new Float64Array(n).fill(0.5), options.sigma);
  let start = 0;
  for (let runs = 1; start + size <= trials.length; ) {
    const generation = trials.slice(start, start + size);
    const behind = trials.slice(start + size).filter((trial) => trial.state !== 'running').length;
    if (generation.some((trial) => trial.state === 'running') && behind < size) break;
    start += size;
    const ranked = rank(generation, direction);
    // Two parents need four points.
    if (ranked.length < 4) continue;
    const points = ranked.map(({ trial }) =>
      numbers.map((number) => toUnit(number, valueIn(trial.values, number))),
    );
    state.tell(points, (ranked[0] as Ranked).loss, (ranked[ranked.length - 1] as Ranked).loss);
    if (!options.restarts || !state.exhausted()) continue;
    const place = stream(seed, `search.cma-es.restart.${runs}`);
    runs += 1;
    size *= 2;
    state = new CmaState(
      size,
      numbers.map(() => place.uniform()),
      options.sigma,
    );
  }
  return state;
}

interface Ranked {
  trial: Trial;
  loss: number;
  state: Trial['state'];
  step: number;
}

/** The ended trials of a generation that have a value, best first. */
function rank(generation: readonly Trial[], direction: Direction): Ranked[] {
  const ranked: Ranked[] = [];
  for (const trial of generation) {
    const { state } = trial;
    if (state === 'complete' && trial.objectives)
      ranked.push({ trial, state, step: 0, loss: lossOf(trial.objectives[0] as number, direction) });
    const last = state === 'pruned' ? lastReport(trial, direction) : null;
    if (last) ranked.push({ trial, state, ...last });
  }
  return ranked.sort(
    (a, b) =>
      Number(a.state === 'pruned') - Number(b.state === 'pruned') ||
      b.step - a.step ||
      compare(a.loss, b.loss) ||
      a.trial.number - b.trial.number,
  );
}

/** A draw inside the unit cube. */
function within(state: CmaState, draws: RandomStream): Float64Array {
  const tries = 10 * state.mean.length;
  for (let i = 0; i < tries; i++) {
    const point = state.sample(draws);
    if (point.every((value) => value >= 0 && value <= 1)) return point;
  }
  return state.sample(draws).map((value) => Math.min(Math.max(value, 0), 1));
}
