import type { RandomStream } from '../../ml/random/stream.ts';
import { normalCdf, normalQuantile } from '../../ml/stats/normal.ts';
import { boundsOf, cellOf, choiceIndex, type Numeric, numberOf, settle, valueIn } from '../space.ts';
import type { Dimension, Space, Value } from '../types.ts';

/**
 * The density of the tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011,
 * section 4; the product kernel of Falkner et al., BOHB, 2018), as Optuna 5 makes it: a weighted mixture of one kernel an
 * observation and one prior, each a product over the dimensions of
 *
 *   numbers     a normal truncated to the bounds (in the logarithm where the dimension has one; integers: its mass over their
 *               step); its centre the observation, its width the larger gap to the neighbouring observations, the ends of the
 *               range counting as neighbours only where there is but one observation, within
 *               [range / min(100, 2 + observations), range] (the "magic clip"); the prior: the middle and the range
 *   categories  (1 + prior share) for the one observed, the prior share, 1 / kernels, for the others
 *
 * Weights: `recencyWeights` of the observations, 1 for the prior.
 */
export class ParzenEstimator {
  /** Cumulative, ending in 1. */
  private readonly cumulative: Float64Array;
  private readonly logWeights: Float64Array;
  private readonly factors: Factor[];

  constructor(space: Space, observations: readonly Record<string, Value>[], weights: ArrayLike<number>) {
    const kernels = observations.length + 1;
    const all = Float64Array.from({ length: kernels }, (_, i) =>
      i + 1 < kernels ? (weights[i] as number) : 1,
    );
    const total = all.reduce((sum, weight) => sum + weight, 0);
    this.logWeights = all.map((weight) => Math.log(weight / total));
    let sum = 0;
    this.cumulative = all.map((weight) => (sum += weight / total));
    this.factors = space.map((dimension) => {
      const seen = observations.map((values) => valueIn(values, dimension));
      return dimension.type === 'categorical'
        ? new Categories(dimension, seen)
        : new Numbers(dimension, seen);
    });
  }

  /** A draw: a kernel by its weight, then each dimension from it. */
  sample(draws: RandomStream): Record<string, Value> {
    const u = draws.uniform();
    let kernel = this.cumulative.findIndex((edge) => u < edge);
    if (kernel < 0) kernel = this.cumulative.length - 1;
    const values: Record<string, Value> = {};
    for (const factor of this.factors) values[factor.dimension.name] = factor.sample(kernel, draws);
    return values;
  }

  /** The logarithm of the density (of a real number in a logarithmic dimension: over the logarithm). */
  logDensity(values: Record<string, Value>): number {
    const logs = this.logWeights.slice();
    for (const factor of this.factors) factor.addLogDensity(valueIn(values, factor.dimension), logs);
    let most = -Infinity;
    for (const log of logs) most = Math.max(most, log);
    let sum = 0;
    for (const log of logs) sum += Math.exp(log - most);
    return most + Math.log(sum);
  }
}

/** One dimension of all kernels. */
interface Factor {
  readonly dimension: Dimension;
  sample(kernel: number, draws: RandomStream): Value;
  /** Adds the kernels' log densities at `value` to `logs`. */
  addLogDensity(value: Value, logs: Float64Array): void;
}

class Categories implements Factor {
  /** Of each observation's kernel, the one observed. */
  private readonly own: Int32Array;
  private readonly ownShare: number;
  private readonly otherShare: number;

  constructor(
    readonly dimension: Extract<Dimension, { type: 'categorical' }>,
    seen: readonly Value[],
  ) {
    const prior = 1 / (seen.length + 1);
    const total = 1 + dimension.choices.length * prior;
    this.own = Int32Array.from(seen, (value) => choiceIndex(dimension, value));
    this.ownShare = (1 + prior) / total;
    this.otherShare = prior / total;
  }

  sample(kernel: number, draws: RandomStream): Value {
    const { choices } = this.dimension;
    const own = this.own[kernel];
    let left = draws.uniform();
    for (const [i, choice] of choices.entries()) {
      left -= own === undefined ? 1 / choices.length : i === own ? this.ownShare : this.otherShare;
      if (left < 0) return choice;
    }
    return choices[choices.length - 1] as Value;
  }

  addLogDensity(value: Value, logs: Float64Array): void {
    const index = choiceIndex(this.dimension, value);
    const [logOwn, logOther] = [Math.log(this.ownShare), Math.log(this.otherShare)];
    const prior = this.own.length;
    for (let k = 0; k < prior; k++)
      logs[k] = (logs[k] as number) + (this.own[k] === index ? logOwn : logOther);
    logs[prior] = (logs[prior] as number) - Math.log(this.dimension.choices.length);
  }
}

const LOG_ROOT_TWO_PI = Math.log(2 * Math.PI) / 2;

class Numbers implements Factor {
  private readonly low: number;
  private readonly high: number;
  private readonly centres: Float64Array;
  private readonly widths: Float64Array;
  /** The mass of each kernel, untruncated, within the bounds: its logarithm. */
  private readonly logMasses: Float64Array;
  /** The log density of each kernel at its centre. */
  private readonly logScales: Float64Array;
  /** The kernels' log densities at the integers asked so far: candidates often agree. */
  private readonly known = new Map<number, Float64Array>();

  constructor(
    readonly dimension: Numeric,
    seen: readonly Value[],
  ) {
    const [low, high] = boundsOf(dimension);
    this.low = low;
    this.high = high;
    const scale = dimension.log ? Math.log : (x: number) => x;
    const observed = seen.map((value) => scale(numberOf(dimension, value)));
    this.centres = Float64Array.from([...observed, (low + high) / 2]);
    this.widths = Float64Array.from([...kernelWidths(observed, low, high), high - low]);
    this.logMasses = this.centres.map((centre, k) => {
      const width = this.widths[k] as number;
      return Math.log(normalMass((low - centre) / width, (high - centre) / width));
    });
    this.logScales = this.widths.map(
      (width, k) => -LOG_ROOT_TWO_PI - Math.log(width) - (this.logMasses[k] as number),
    );
  }

  sample(kernel: number, draws: RandomStream): Value {
    const centre = this.centres[kernel] as number;
    const width = this.widths[kernel] as number;
    if (this.low === this.high) return this.dimension.low;
    const below = normalCdf((this.low - centre) / width);
    const above = normalCdf((this.high - centre) / width);
    const drawn = centre + width * normalQuantile(below + draws.uniform() * (above - below));
    const place = Math.min(Math.max(drawn, this.low), this.high);
    return settle(this.dimension, this.dimension.log ? Math.exp(place) : place);
  }

  addLogDensity(value: Value, logs: Float64Array): void {
    if (this.low === this.high) return;
    const { dimension } = this;
    const x = numberOf(dimension, value);
    if (dimension.type === 'real') {
      const place = dimension.log ? Math.log(x) : x;
      for (let k = 0; k < logs.length; k++) {
        const z = (place - (this.centres[k] as number)) / (this.widths[k] as number);
        logs[k] = (logs[k] as number) + (this.logScales[k] as number) - (z * z) / 2;
      }
      return;
    }
    let own = this.known.get(x);
    if (!own) {
      const [left, right] = cellOf(dimension, x).map(dimension.log ? Math.log : Number) as [number, number];
      own = this.centres.map((centre, k) => {
        const width = this.widths[k] as number;
        return (
          Math.log(normalMass((left - centre) / width, (right - centre) / width)) -
          (this.logMasses[k] as number)
        );
      });
      this.known.set(x, own);
    }
    for (let k = 0; k < logs.length; k++) logs[k] = (logs[k] as number) + (own[k] as number);
  }
}

/** P(a < Z < b), taken in the tail where it is not a difference of numbers near 1. */
function normalMass(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

function kernelWidths(observed: readonly number[], low: number, high: number): number[] {
  const order = observed
    .map((_, i) => i)
    .sort((a, b) => (observed[a] as number) - (observed[b] as number) || a - b);
  const count = order.length;
  const at = (rank: number) =>
    rank < 0 ? low : rank >= count ? high : (observed[order[rank] as number] as number);
  const widest = high - low;
  const narrowest = widest / Math.min(100, 2 + count);
  const widths = new Array<number>(count);
  for (let rank = 0; rank < count; rank++) {
    let gap = Math.max(at(rank) - at(rank - 1), at(rank + 1) - at(rank));
    if (count >= 2 && rank === 0) gap = at(1) - at(0);
    if (count >= 2 && rank === count - 1) gap = at(rank) - at(rank - 1);
    widths[order[rank] as number] = Math.min(Math.max(gap, narrowest), widest);
  }
  return widths;
}

/** The newest 25 observations count in full, older ones down to 1/n in even steps (Bergstra et al., 2013; Optuna). */
export function recencyWeights(count: number): Float64Array {
  const ramp = count - 25;
  return Float64Array.from({ length: count }, (_, i) => {
    if (count < 25 || i >= ramp) return 1;
    return ramp === 1 ? 1 / count : 1 / count + (i * (1 - 1 / count)) / (ramp - 1);
  });
}
