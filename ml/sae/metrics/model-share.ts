/**
 * In which of two models a crosscoder's feature lives, by the norms n1, n2 of what it writes in each: the relative difference
 * ((n2 - n1) / max(n1, n2) + 1) / 2, from 0 (the first alone) to 1 (the second alone); 0.5 where nothing is written (Minder et
 * al. 2025, section 2.1).
 *
 * @param decoder_FD both models' rows side by side, [F, 2 D]
 */
export function relativeNormDifferences(decoder_FD: Float32Array, features: number): Float32Array {
  const width = decoder_FD.length / features;
  return Float32Array.from({ length: features }, (_, f) => {
    const row = decoder_FD.subarray(f * width, (f + 1) * width);
    const first = Math.hypot(...row.subarray(0, width / 2));
    const second = Math.hypot(...row.subarray(width / 2));
    const larger = Math.max(first, second);
    return larger > 0 ? ((second - first) / larger + 1) / 2 : 0.5;
  });
}

/** Shares of the features that are one model's alone, or both's, with the bounds of Minder et al.: 0.1, 0.4 to 0.6, 0.9. */
export function modelShares(
  differences: Float32Array,
): Record<'base_only' | 'shared' | 'tuned_only', number> {
  const part = (holds: (difference: number) => boolean) =>
    differences.length > 0 ? differences.filter(holds).length / differences.length : 0;
  return {
    base_only: part((difference) => difference < 0.1),
    shared: part((difference) => difference >= 0.4 && difference <= 0.6),
    tuned_only: part((difference) => difference > 0.9),
  };
}
