import { cholesky, inverseOf, solveLower, solveUpper } from '../numerics/cholesky.ts';
import { minimise } from '../numerics/l-bfgs.ts';

/**
 * Gaussian process regression (Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and section 5.4.1) with
 * the kernel and priors of optuna.samplers.GPSampler:
 *
 *   k(a, b) = scale * m(sum_j w_j d_j(a, b)),  m(d) = (1 + sqrt(5 d) + 5 d / 3) exp(-sqrt(5 d))          (Matern 5/2)
 *
 * with a weight w_j (an inverse squared length) for each coordinate, d_j the squared difference, or for categories 1 where they
 * differ. Weights, scale and the variance of the noise maximise the marginal likelihood times
 *
 *   exp(-0.1 (w_j + 1 / w_j)) for each weight,  Gamma(2, 1) for the scale,  Gamma(1.1, 30) for the noise, which is at least 1e-6.
 */
export interface Hyperparameters {
  weights: Float64Array;
  scale: number;
  noise: number;
}

export interface Posterior {
  mean: number;
  variance: number;
}

const LEAST_NOISE = 1e-6;

export class GaussianProcess {
  private readonly factor: Float64Array;
  /** (K + noise I)^-1 y. */
  private readonly alpha: Float64Array;

  /**
   * @param points_ND
   * @param values_N with mean 0 and variance near 1
   * @param categorical_D coordinates that are equal or different and nothing else
   */
  constructor(
    private readonly points: readonly Float64Array[],
    values: ArrayLike<number>,
    private readonly categorical: readonly boolean[],
    private readonly hyper: Hyperparameters,
  ) {
    const n = points.length;
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) matrix.set(this.covariances(points[i] as Float64Array), i * n);
    const factor = factorOf(matrix, n, hyper.noise);
    this.factor = factor;
    this.alpha = solveUpper(factor, n, solveLower(factor, n, values));
  }

  /** Of the function, without noise. */
  posterior(x: Float64Array): Posterior {
    const k = this.covariances(x);
    const half = solveLower(this.factor, this.points.length, k);
    return { mean: dot(k, this.alpha), variance: Math.max(this.hyper.scale - dot(half, half), 0) };
  }

  /** The posterior, and its gradient by x; coordinates that are categories have gradient 0. */
  posteriorWithGradient(
    x: Float64Array,
  ): Posterior & { meanGradient: Float64Array; varianceGradient: Float64Array } {
    const n = this.points.length;
    const { weights, scale } = this.hyper;
    const k = this.covariances(x);
    const half = solveLower(this.factor, n, k);
    const solved = solveUpper(this.factor, n, half);
    const meanGradient = new Float64Array(x.length);
    const varianceGradient = new Float64Array(x.length);
    for (const [i, point] of this.points.entries()) {
      const slope = scale * maternSlope(this.distance(x, point));
      for (let j = 0; j < x.length; j++) {
        if (this.categorical[j]) continue;
        const change = slope * 2 * (weights[j] as number) * ((x[j] as number) - (point[j] as number));
        meanGradient[j] = (meanGradient[j] as number) + change * (this.alpha[i] as number);
        varianceGradient[j] = (varianceGradient[j] as number) - 2 * change * (solved[i] as number);
      }
    }
    const variance = Math.max(scale - dot(half, half), 0);
    return { mean: dot(k, this.alpha), variance, meanGradient, varianceGradient };
  }

  private covariances(x: Float64Array): Float64Array {
    const k = new Float64Array(this.points.length);
    for (let i = 0; i < k.length; i++)
      k[i] = this.hyper.scale * matern(this.distance(x, this.points[i] as Float64Array));
    return k;
  }

  private distance(a: Float64Array, b: Float64Array): number {
    let sum = 0;
    for (let j = 0; j < a.length; j++)
      sum +=
        (this.hyper.weights[j] as number) *
        apart(a[j] as number, b[j] as number, this.categorical[j] as boolean);
    return sum;
  }
}

/** Points that all but coincide may need more noise than was fitted for the factor to exist. */
function factorOf(matrix: Float64Array, n: number, least: number): Float64Array {
  for (let noise = Math.max(least, 1e-10); noise < 1e10; noise *= 10) {
    const noisy = matrix.slice();
    for (let i = 0; i < n; i++) noisy[i * n + i] = (noisy[i * n + i] as number) + noise;
    const factor = cholesky(noisy, n);
    if (factor) return factor;
  }
  throw new RangeError('gp: the covariance of the trials is not a number');
}

/** The most probable hyperparameters, from all of them 1. */
export function fitHyperparameters(
  points: readonly Float64Array[],
  values: ArrayLike<number>,
  categorical: readonly boolean[],
): Hyperparameters {
  const posterior = logPosterior(points, values, categorical);
  const start = new Float64Array(categorical.length + 2);
  const { x } = minimise(
    (raw) => {
      const { value, gradient } = posterior(raw);
      return { value: -value, gradient: gradient.map((g) => -g) };
    },
    start,
    // exp(+-12): beyond, a coordinate has no effect, or every point is by itself.
    { low: -12, high: 12, iterations: 100, tolerance: 1e-2 },
  );
  return unpack(x);
}

function unpack(raw: Float64Array): Hyperparameters {
  const d = raw.length - 2;
  return {
    weights: raw.slice(0, d).map(Math.exp),
    scale: Math.exp(raw[d] as number),
    noise: Math.exp(raw[d + 1] as number) + LEAST_NOISE,
  };
}

/**
 * The logarithm of marginal likelihood times priors, without constants, as a function of the logarithms of weights, scale, and noise
 * above its least; with its gradient. -Infinity where the covariance is not positive definite.
 */
export function logPosterior(
  points: readonly Float64Array[],
  values: ArrayLike<number>,
  categorical: readonly boolean[],
): (raw: Float64Array) => { value: number; gradient: Float64Array } {
  const n = points.length;
  const d = categorical.length;
  // Of each pair i > k, the d squared differences.
  const apartness = new Float64Array(((n * (n - 1)) / 2) * d);
  let at = 0;
  for (let i = 0; i < n; i++)
    for (let k = 0; k < i; k++)
      for (let j = 0; j < d; j++) {
        const [a, b] = [points[i] as Float64Array, points[k] as Float64Array];
        apartness[at++] = apart(a[j] as number, b[j] as number, categorical[j] as boolean);
      }

  return (raw) => {
    const { weights, scale, noise } = unpack(raw);
    const matrix = new Float64Array(n * n);
    const distances = new Float64Array((n * (n - 1)) / 2);
    for (let i = 0, pair = 0; i < n; i++) {
      for (let k = 0; k < i; k++, pair++) {
        let distance = 0;
        for (let j = 0; j < d; j++) distance += (weights[j] as number) * (apartness[pair * d + j] as number);
        distances[pair] = distance;
        matrix[i * n + k] = scale * matern(distance);
      }
      matrix[i * n + i] = scale + noise;
    }
    const gradient = new Float64Array(d + 2);
    const factor = cholesky(matrix, n);
    if (!factor) return { value: -Infinity, gradient };
    const half = solveLower(factor, n, values);
    const alpha = solveUpper(factor, n, half);
    const inverse = inverseOf(factor, n);

    let value = -dot(half, half) / 2;
    for (let i = 0; i < n; i++) value -= Math.log(factor[i * n + i] as number);

    // Half the trace of (alpha alpha' - C^-1) dC; pairs count twice.
    let byScale = 0;
    let byNoise = 0;
    for (let i = 0, pair = 0; i < n; i++) {
      for (let k = 0; k < i; k++, pair++) {
        const weight = (alpha[i] as number) * (alpha[k] as number) - (inverse[i * n + k] as number);
        byScale += weight * (matrix[i * n + k] as number);
        const slope = weight * scale * maternSlope(distances[pair] as number);
        for (let j = 0; j < d; j++)
          gradient[j] =
            (gradient[j] as number) + slope * (apartness[pair * d + j] as number) * (weights[j] as number);
      }
      const own = ((alpha[i] as number) ** 2 - (inverse[i * n + i] as number)) / 2;
      byScale += own * scale;
      byNoise += own;
    }
    for (const [j, weight] of weights.entries()) {
      value -= 0.1 / weight + 0.1 * weight;
      gradient[j] = (gradient[j] as number) + 0.1 / weight - 0.1 * weight;
    }
    value += Math.log(scale) - scale + 0.1 * Math.log(noise) - 30 * noise;
    gradient[d] = byScale + 1 - scale;
    gradient[d + 1] = (byNoise + 0.1 / noise - 30) * (noise - LEAST_NOISE);
    return { value, gradient };
  };
}

function apart(a: number, b: number, categorical: boolean): number {
  return categorical ? Number(a !== b) : (a - b) * (a - b);
}

function matern(distance: number): number {
  const root = Math.sqrt(5 * distance);
  return (1 + root + (5 * distance) / 3) * Math.exp(-root);
}

/** By the squared distance. */
function maternSlope(distance: number): number {
  const root = Math.sqrt(5 * distance);
  return (-5 / 6) * (1 + root) * Math.exp(-root);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
