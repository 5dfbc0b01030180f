import type { RandomStream } from '../../ml/random/stream.ts';
import { type Eigen, symmetricEigen } from '../numerics/symmetric-eigen.ts';

/**
 * The covariance matrix adaptation evolution strategy (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772, 2016):
 * the state of one run, moved on by one generation at a time. Weights are active, with negative ones (eq. 49 to 53); rates as in
 * eq. 55 to 58. Numbers in brackets are the tutorial's equations.
 */
export class CmaState {
  readonly mean: Float64Array;
  sigma: number;
  covariance: Float64Array;
  generation = 0;
  private readonly pathSigma: Float64Array;
  private readonly pathC: Float64Array;
  private eigen: Eigen | null = null;
  private readonly initialSigma: number;
  private readonly extremes: [best: number, worst: number][] = [];

  constructor(
    readonly population: number,
    mean: ArrayLike<number>,
    sigma: number,
  ) {
    this.mean = Float64Array.from(mean);
    this.sigma = sigma;
    this.initialSigma = sigma;
    const n = mean.length;
    this.covariance = new Float64Array(n * n);
    for (let i = 0; i < n; i++) this.covariance[i * n + i] = 1;
    this.pathSigma = new Float64Array(n);
    this.pathC = new Float64Array(n);
  }

  /** A draw of N(mean, sigma^2 C) (38 to 40). */
  sample(draws: RandomStream): Float64Array {
    const n = this.mean.length;
    const { values, vectors } = this.decomposed();
    const scaled = new Float64Array(n);
    for (let k = 0; k < n; k++) scaled[k] = draws.normal() * rootOf(values[k] as number);
    const point = turned(vectors, scaled);
    for (let i = 0; i < n; i++) point[i] = (this.mean[i] as number) + this.sigma * (point[i] as number);
    return point;
  }

  /**
   * One generation: the points from best to worst. There may be fewer than the population; points that were not drawn from this state
   * are held to a plausible length (Hansen, "Injecting External Solutions Into CMA-ES", 2011).
   */
  tell(points: readonly ArrayLike<number>[], best: number, worst: number): void {
    const n = this.mean.length;
    const rates = ratesOf(points.length, n);
    const { weights, parents, mass, c1, cmu, cc, cSigma, dSigma } = rates;
    const { values, vectors } = this.decomposed();
    this.eigen = null;
    this.generation += 1;
    this.extremes.push([best, worst]);

    // C^(-1/2) y.
    const whiten = (y: Float64Array) => {
      const along = turnedBack(vectors, y);
      for (let k = 0; k < n; k++) along[k] = (along[k] as number) / rootOf(values[k] as number);
      return turned(vectors, along);
    };
    const longest = Math.sqrt(n) + (2 * n) / (n + 2);
    const steps = points.map((point) => {
      const y = Float64Array.from(
        { length: n },
        (_, i) => ((point[i] as number) - (this.mean[i] as number)) / this.sigma,
      );
      const length = norm(whiten(y));
      const shrink = length > 3 * longest ? (3 * longest) / length : 1;
      return { y: y.map((value) => value * shrink), length: length * shrink };
    });

    const yw = new Float64Array(n);
    for (let k = 0; k < parents; k++)
      for (let i = 0; i < n; i++)
        yw[i] = (yw[i] as number) + (weights[k] as number) * ((steps[k] as Step).y[i] as number);
    for (let i = 0; i < n; i++) this.mean[i] = (this.mean[i] as number) + this.sigma * (yw[i] as number); // (42)

    const ps = this.pathSigma;
    const whitened = whiten(yw);
    // (43)
    for (let i = 0; i < n; i++)
      ps[i] =
        (1 - cSigma) * (ps[i] as number) + Math.sqrt(cSigma * (2 - cSigma) * mass) * (whitened[i] as number);
    const chi = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    const length = norm(ps);
    this.sigma *= Math.exp((cSigma / dSigma) * (length / chi - 1)); // (44)

    const limit = (1.4 + 2 / (n + 1)) * chi;
    const h = length / Math.sqrt(1 - (1 - cSigma) ** (2 * (this.generation + 1))) < limit ? 1 : 0;
    const pc = this.pathC;
    // (45)
    for (let i = 0; i < n; i++)
      pc[i] = (1 - cc) * (pc[i] as number) + h * Math.sqrt(cc * (2 - cc) * mass) * (yw[i] as number);

    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const keep = 1 + c1 * (1 - h) * cc * (2 - cc) - c1 - cmu * total;
    const weighted = steps.map(({ length: own }, k) => {
      // (46)
      const weight = weights[k] as number;
      return weight >= 0 ? weight : (weight * n) / (own * own + 1e-8);
    });
    const c = this.covariance;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        // (47)
        let rank = 0;
        for (const [k, { y }] of steps.entries())
          rank += (weighted[k] as number) * (y[i] as number) * (y[j] as number);
        const value =
          keep * (c[i * n + j] as number) + c1 * (pc[i] as number) * (pc[j] as number) + cmu * rank;
        c[i * n + j] = value;
        c[j * n + i] = value;
      }
    }
  }

  /** Whether this run has nothing more to find (appendix B.3): it is level, too narrow, too wide, or too long in one direction. */
  exhausted(): boolean {
    const n = this.mean.length;
    const memory = 10 + Math.ceil((30 * n) / this.population);
    if (this.generation > memory) {
      const recent = this.extremes.slice(-memory);
      const lowest = Math.min(...recent.map(([best]) => best));
      if (!(Math.max(...recent.map(([, worst]) => worst)) - lowest >= 1e-12)) return true;
    }
    const { values } = this.decomposed();
    const widest = Math.max(...values);
    const spread = this.sigma * rootOf(widest);
    return (
      spread < 1e-12 * this.initialSigma ||
      spread > 1e4 * this.initialSigma ||
      widest > 1e14 * Math.max(Math.min(...values), Number.MIN_VALUE)
    );
  }

  private decomposed(): Eigen {
    this.eigen ??= symmetricEigen(this.covariance, this.mean.length);
    return this.eigen;
  }
}

interface Step {
  y: Float64Array;
  /** Its length in the metric of C. */
  length: number;
}

/** 4 + floor(3 ln n) (48). */
export const defaultPopulation = (dimensions: number) => 4 + Math.floor(3 * Math.log(dimensions));

/** B x, with the vectors of B in its columns. */
function turned(vectors: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  const y = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += (vectors[i * n + k] as number) * (x[k] as number);
    y[i] = sum;
  }
  return y;
}

/** B' y. */
function turnedBack(vectors: Float64Array, y: Float64Array): Float64Array {
  const n = y.length;
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) x[k] = (x[k] as number) + (vectors[i * n + k] as number) * (y[i] as number);
  return x;
}

const rootOf = (value: number) => Math.sqrt(value < 0 ? 1e-8 : value);
const norm = (vector: Float64Array) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

function ratesOf(population: number, n: number) {
  const parents = Math.floor(population / 2);
  const raw = Array.from({ length: population }, (_, i) => Math.log((population + 1) / 2) - Math.log(i + 1)); // (49)
  const massOf = (part: readonly number[]) => sumOf(part) ** 2 / sumOf(part.map((weight) => weight * weight));
  const mass = massOf(raw.slice(0, parents));
  const massBelow = massOf(raw.slice(parents));
  const c1 = 2 / ((n + 1.3) ** 2 + mass); // (57)
  const cmu = Math.min(1 - c1 - 1e-8, (2 * (mass - 2 + 1 / mass)) / ((n + 2) ** 2 + mass)); // (58)
  const alpha = Math.min(1 + c1 / cmu, 1 + (2 * massBelow) / (mass + 2), (1 - c1 - cmu) / (n * cmu)); // (50 to 52)
  const above = sumOf(raw.filter((weight) => weight > 0));
  const below = -sumOf(raw.filter((weight) => weight < 0));
  const weights = raw.map((weight) => (weight >= 0 ? weight / above : (alpha * weight) / below)); // (53)
  const cSigma = (mass + 2) / (n + mass + 5); // (55)
  const dSigma = 1 + 2 * Math.max(0, Math.sqrt((mass - 1) / (n + 1)) - 1) + cSigma;
  const cc = (4 + mass / n) / (n + 4 + (2 * mass) / n); // (56)
  return { weights, parents, mass, c1, cmu, cc, cSigma, dSigma };
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
