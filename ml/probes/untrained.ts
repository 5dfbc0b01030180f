import { stream } from '../random/stream.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * The published baseline: weights uniform in +-sqrt(6 / (F + 1)) (Xavier), no bias (the paper's notebook
 * `baseline_linear_probe`). Draws from the stream `probe/untrained/<name>`.
 *
 * @param name of the inputs
 */
export function untrainedProbe(features: number, seed: number, name: string): LinearProbe {
  const draws = stream(seed, `probe/untrained/${name}`);
  const bound = Math.sqrt(6 / (features + 1));
  const coefficients = Float64Array.from({ length: features }, () => bound * (2 * draws.uniform() - 1));
  return { coefficients, intercept: 0 };
}
