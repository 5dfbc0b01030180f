import { normalCdf } from '../../ml/stats/normal.ts';
import type { GaussianProcess } from './gaussian-process.ts';

/**
 * The logarithm of the expected improvement on `best` (Ament et al., "Unexpected Improvements to Expected Improvement for Bayesian
 * Optimization", 2023, eq. 9): log sigma + log h(z), h(z) = z Phi(z) + phi(z), z = (mean - best) / sigma, for a function that is to be
 * large. It has a gradient where the improvement itself has underflowed.
 */
export function logExpectedImprovement(process: GaussianProcess, best: number, x: Float64Array): number {
  const { mean, variance } = process.posterior(x);
  const sigma = Math.sqrt(variance + STABILISING);
  return Math.log(sigma) + logH((mean - best) / sigma).value;
}

export function logExpectedImprovementWithGradient(
  process: GaussianProcess,
  best: number,
  x: Float64Array,
): { value: number; gradient: Float64Array } {
  const { mean, variance, meanGradient, varianceGradient } = process.posteriorWithGradient(x);
  const sigma = Math.sqrt(variance + STABILISING);
  const z = (mean - best) / sigma;
  const { value, slope } = logH(z);
  const gradient = meanGradient.map((byMean, j) => {
    const bySigma = (varianceGradient[j] as number) / (2 * sigma);
    return bySigma / sigma + (slope * (byMean - z * bySigma)) / sigma;
  });
  return { value: Math.log(sigma) + value, gradient };
}

const STABILISING = 1e-12;
const LOG_ROOT_TWO_PI = Math.log(2 * Math.PI) / 2;

/** log h(z) and its derivative Phi(z) / h(z). */
function logH(z: number): { value: number; slope: number } {
  if (z > -25) {
    const below = normalCdf(z);
    const h = z * below + Math.exp((-z * z) / 2 - LOG_ROOT_TWO_PI);
    return { value: Math.log(h), slope: below / h };
  }
  // The asymptotic series of Phi, whose first term cancels.
  const r = 1 / (z * z);
  const h = 1 - 3 * r + 15 * r * r;
  return { value: (-z * z) / 2 - LOG_ROOT_TWO_PI + Math.log(r * h), slope: (-z * (1 - r + 3 * r * r)) / h };
}
