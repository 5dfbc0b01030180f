/**
 * The point with the least summed distance to `points` [N, D]: Weiszfeld's iteration (Weiszfeld 1937) from the mean,
 *
 *   y <- sum_i w_i x_i / sum_i w_i,  w_i = 1 / ||x_i - y||,
 *
 * until a step is shorter than `tolerance` or `iterations` are done (defaults 1e-5 and 100, those of dictionary_learning).
 * Where TopK autoencoders start their decoder bias: unlike the mean, it does not follow outliers.
 */
export function geometricMedian(
  points_ND: Float32Array,
  D: number,
  { iterations = 100, tolerance = 1e-5 }: { iterations?: number; tolerance?: number } = {},
): Float32Array {
  const N = points_ND.length / D;
  if (!(N >= 1 && Number.isInteger(N)))
    throw new RangeError(`geometricMedian: ${points_ND.length} numbers are not rows of ${D}`);
  let guess = weightedMean(points_ND, new Float64Array(N).fill(1), D);
  const weights_N = new Float64Array(N);
  for (let i = 0; i < iterations; i++) {
    for (let n = 0; n < N; n++) {
      let squares = 0;
      for (let d = 0; d < D; d++) squares += (points_ND[n * D + d]! - guess[d]!) ** 2;
      // A guess that lies on a point would weigh it infinitely: it is (nearly) the median then.
      weights_N[n] = 1 / Math.max(Math.sqrt(squares), 1e-12);
    }
    const next = weightedMean(points_ND, weights_N, D);
    let moved = 0;
    for (let d = 0; d < D; d++) moved += (next[d]! - guess[d]!) ** 2;
    guess = next;
    if (Math.sqrt(moved) < tolerance) break;
  }
  return Float32Array.from(guess);
}

function weightedMean(points_ND: Float32Array, weights_N: Float64Array, D: number): Float64Array {
  const mean = new Float64Array(D);
  let total = 0;
  for (let n = 0; n < weights_N.length; n++) {
    const weight = weights_N[n]!;
    total += weight;
    for (let d = 0; d < D; d++) mean[d]! += weight * points_ND[n * D + d]!;
  }
  for (let d = 0; d < D; d++) mean[d]! /= total;
  return mean;
}
