import { type RandomStream, stream } from '../../ml/random/stream.ts';
import { finiteLosses } from '../history.ts';
import { minimise } from '../numerics/l-bfgs.ts';
import { checkSpace, choiceIndex, fromUnit, gridValue, sizeOf, toUnit, valueIn } from '../space.ts';
import type { Dimension, Sampler, Space, Trial, Value } from '../types.ts';
import { logExpectedImprovement, logExpectedImprovementWithGradient } from './expected-improvement.ts';
import { fitHyperparameters, GaussianProcess } from './gaussian-process.ts';
import { scrambledPoint, scrambleSeeds, sobol } from './sobol.ts';

/**
 * Bayesian optimisation: a Gaussian process over the trials (gaussian-process.ts), and the point of largest expected improvement on
 * the best of them (Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions", 1998).
 *
 *   startup   10 finished trials before, proposed by the scrambled Sobol sequence
 *   running   counted with the mean that the model predicts for them (kriging believer, Ginsbourger et al., 2010)
 *   pruned    counted as `finiteLosses` says
 *   search    of scrambled Sobol points, and of points near the best trial, those of largest improvement climb: L-BFGS on the real
 *             dimensions and moves on the grids of the others, in turn, until neither helps
 *   cost      cubic in the trials: the model takes the best and the newest 300, its hyperparameters are fitted on 100 of these
 */
export interface GpOptions {
  /** So many finished trials before the first model. Default 10. */
  startup?: number;
  /** Points among which the climbs start. Default 1024. */
  candidates?: number;
}

const MOST_MODELLED = 300;
const MOST_FITTED = 100;
const CLIMBS = 8;
/** Points near the best trial, and how many of them climb. */
const NEAR = 128;
const CLIMBS_NEAR = 4;
const ROUNDS = 10;
/** Up to so many values of a grid all are tried; beyond, those at distances 1, 2, 4 ... */
const ALL_TRIED = 16;

export function gp({ startup = 10, candidates = 1024 }: GpOptions = {}): Sampler {
  if (!(candidates >= 1)) throw new RangeError(`gp: candidates is at least 1, not ${candidates}`);
  const first = sobol();
  return {
    propose(space, directions, trials, seed) {
      checkSpace(space);
      const [direction, ...others] = directions;
      if (!direction || others.length > 0) throw new RangeError('gp: one objective only; tpe takes several');
      const seen = finiteLosses(trials, direction);
      if (seen.length < Math.max(startup, 2)) return first.propose(space, directions, trials, seed);

      const kept = bestAndNewest(seen, MOST_MODELLED);
      const gains = standardised(kept.map(({ loss }) => -loss));
      const points = kept.map(({ trial }) => pointOf(space, trial));
      const categorical = space.map(({ type }) => type === 'categorical');
      const fitted = bestAndNewest(
        kept.map((one, at) => ({ ...one, at })),
        MOST_FITTED,
      ).map(({ at }) => at);
      const hyper = fitHyperparameters(
        fitted.map((i) => points[i] as Float64Array),
        fitted.map((i) => gains[i] as number),
        categorical,
      );
      const model = new GaussianProcess(points, gains, categorical, hyper);
      const running = trials.filter(({ state }) => state === 'running').map((trial) => pointOf(space, trial));
      const believed =
        running.length === 0
          ? model
          : new GaussianProcess(
              [...points, ...running],
              [...gains, ...running.map((point) => model.posterior(point).mean)],
              categorical,
              hyper,
            );

      const best = Math.max(...gains);
      const draws = stream(seed, `search.gp.${trials.length}`);
      const incumbent = points[gains.indexOf(best)] as Float64Array;
      const starts = [
        ...startsAnywhere(space, believed, best, candidates, draws),
        ...startsNear(incumbent, hyper.weights, space, believed, best, draws),
      ];
      let chosen: Climbed = { x: starts[0] as Float64Array, value: -Infinity };
      for (const start of starts) {
        const climbed = climb(space, believed, best, start);
        if (climbed.value > chosen.value) chosen = climbed;
      }
      return valuesOf(space, chosen.x);
    },
  };
}

/** A coordinate each: numbers in [0, 1], categories their index. */
function pointOf(space: Space, trial: Trial): Float64Array {
  return Float64Array.from(space, (dimension) => {
    const value = valueIn(trial.values, dimension);
    return dimension.type === 'categorical' ? choiceIndex(dimension, value) : toUnit(dimension, value);
  });
}

function valuesOf(space: Space, point: Float64Array): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [j, dimension] of space.entries()) {
    const at = point[j] as number;
    values[dimension.name] =
      dimension.type === 'categorical' ? (dimension.choices[at] as Value) : fromUnit(dimension, at);
  }
  return values;
}

/** At most `most`: half of them the best, the others the newest of the rest; in the order proposed. */
function bestAndNewest<T extends { trial: Trial; loss: number }>(seen: readonly T[], most: number): T[] {
  if (seen.length <= most) return [...seen];
  const byLoss = [...seen].sort((a, b) => a.loss - b.loss || a.trial.number - b.trial.number);
  const best = new Set(byLoss.slice(0, Math.floor(most / 2)));
  const newest = new Set(seen.filter((one) => !best.has(one)).slice(best.size - most));
  return seen.filter((one) => best.has(one) || newest.has(one));
}

/** With mean 0 and variance 1. */
function standardised(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const scale = Math.max(Math.sqrt(variance), 1e-10);
  return values.map((value) => (value - mean) / scale);
}

/** The candidate of largest improvement, and others drawn in proportion to theirs. */
function startsAnywhere(
  space: Space,
  model: GaussianProcess,
  best: number,
  candidates: number,
  draws: RandomStream,
): Float64Array[] {
  const seeds = scrambleSeeds(space.length, draws);
  const found = Array.from({ length: candidates }, (_, i) => {
    const x = scrambledPoint(i, seeds).map((unit, j) => placed(space[j] as Dimension, unit));
    const value = logExpectedImprovement(model, best, x);
    // The largest of values with Gumbel noise are draws without replacement (Gumbel-top-k).
    return { x, value, drawn: value - Math.log(-Math.log(1 - draws.uniform())) };
  });
  found.sort((a, b) => b.value - a.value);
  const [top, ...rest] = found as [(typeof found)[number], ...typeof found];
  rest.sort((a, b) => b.drawn - a.drawn);
  return [top, ...rest.slice(0, CLIMBS - 1)].map(({ x }) => x);
}

/** Of normal steps from the best trial, a tenth of each length or less, those of largest improvement: peaks there are narrow. */
function startsNear(
  incumbent: Float64Array,
  weights: Float64Array,
  space: Space,
  model: GaussianProcess,
  best: number,
  draws: RandomStream,
): Float64Array[] {
  const found = Array.from({ length: NEAR }, (_, i) => {
    const reach = 0.1 * 2 ** -(i % 4);
    const x = incumbent.map((at, j) => {
      const dimension = space[j] as Dimension;
      if (dimension.type === 'categorical') return at;
      const step = reach * Math.min(1, 1 / Math.sqrt(weights[j] as number)) * draws.normal();
      return placed(dimension, Math.min(Math.max(at + step, 0), 1));
    });
    return { x, value: logExpectedImprovement(model, best, x) };
  });
  found.sort((a, b) => b.value - a.value);
  return found.slice(0, CLIMBS_NEAR).map(({ x }) => x);
}

/** A place in [0, 1] as a coordinate: for integers and categories that of a value. */
function placed(dimension: Dimension, unit: number): number {
  if (dimension.type === 'categorical')
    return Math.min(Math.floor(unit * dimension.choices.length), dimension.choices.length - 1);
  return dimension.type === 'integer' ? toUnit(dimension, fromUnit(dimension, unit)) : unit;
}

interface Climbed {
  x: Float64Array;
  value: number;
}

function climb(space: Space, model: GaussianProcess, best: number, start: Float64Array): Climbed {
  const real = space.flatMap(({ type }, j) => (type === 'real' ? [j] : []));
  let at: Climbed = { x: start, value: logExpectedImprovement(model, best, start) };
  for (let round = 0; round < ROUNDS; round++) {
    const before = at.value;
    if (real.length > 0) at = climbReal(real, model, best, at);
    for (const [j, dimension] of space.entries())
      if (dimension.type !== 'real') at = climbGrid(dimension, j, model, best, at);
    // Where there are only real dimensions, or only others, one round has done it all.
    if (real.length === space.length || at.value <= before + 1e-8) break;
  }
  return at;
}

function climbReal(real: readonly number[], model: GaussianProcess, best: number, from: Climbed): Climbed {
  const whole = (part: ArrayLike<number>) => {
    const x = from.x.slice();
    for (const [k, j] of real.entries()) x[j] = part[k] as number;
    return x;
  };
  const found = minimise(
    (part) => {
      const { value, gradient } = logExpectedImprovementWithGradient(model, best, whole(part));
      return { value: -value, gradient: Float64Array.from(real, (j) => -(gradient[j] as number)) };
    },
    real.map((j) => from.x[j] as number),
    { low: 0, high: 1, iterations: 60, tolerance: 1e-2 },
  );
  return -found.value > from.value ? { x: whole(found.x), value: -found.value } : from;
}

function climbGrid(
  dimension: Exclude<Dimension, { type: 'real' }>,
  j: number,
  model: GaussianProcess,
  best: number,
  from: Climbed,
): Climbed {
  const size = sizeOf(dimension);
  const coordinate = (index: number) =>
    dimension.type === 'categorical' ? index : toUnit(dimension, gridValue(dimension, index));
  let at = from;
  for (const index of indicesAround(indexOf(dimension, from.x[j] as number), size)) {
    const x = from.x.slice();
    x[j] = coordinate(index);
    const value = logExpectedImprovement(model, best, x);
    if (value > at.value) at = { x, value };
  }
  return at;
}

function indexOf(dimension: Exclude<Dimension, { type: 'real' }>, coordinate: number): number {
  if (dimension.type === 'categorical') return coordinate;
  return Math.round(((fromUnit(dimension, coordinate) as number) - dimension.low) / dimension.step);
}

function indicesAround(index: number, size: number): number[] {
  if (size <= ALL_TRIED) return Array.from({ length: size }, (_, i) => i).filter((i) => i !== index);
  const near: number[] = [];
  for (let reach = 1; reach < size; reach *= 2)
    for (const i of [index - reach, index + reach]) if (i >= 0 && i < size) near.push(i);
  return near;
}
