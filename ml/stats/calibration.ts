import { proportion } from './proportion.ts';
import type { Estimate } from './types.ts';

/** Predictions with similar confidence, and how many of them were right. */
export interface ReliabilityBin {
  /** Confidences from `low`, up to `high`. */
  low: number;
  high: number;
  n: number;
  /** Mean confidence; null in an empty bin, as is `accuracy`. */
  confidence: number | null;
  /** Share that was right, with Wilson's interval. */
  accuracy: Estimate | null;
}

export interface Calibration {
  bins: ReliabilityBin[];
  /** Sum over bins of n_b / n |accuracy_b - confidence_b|. */
  expectedError: number;
}

export interface CalibrationOptions {
  bins: number;
  /** The lowest possible confidence: 0.5 for the likelier one of two outcomes. */
  lowest: number;
  /** What one prediction is about, in the singular. */
  unit: string;
}

/**
 * Whether confidences are what they say: reliability over bins of equal width and the expected calibration error (Naeini et
 * al., AAAI 2015; Guo et al., ICML 2017, eq. 3). The error is biased upwards for few predictions: even perfect confidences
 * do not give 0.
 */
export function calibration(
  confidences: ArrayLike<number>,
  right: ArrayLike<boolean>,
  { bins: count, lowest, unit }: CalibrationOptions,
): Calibration {
  const size = (1 - lowest) / count;
  const sums = Array.from({ length: count }, () => ({ n: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < confidences.length; i++) {
    const confidence = confidences[i] as number;
    const bin = sums[Math.min(count - 1, Math.max(0, Math.floor((confidence - lowest) / size)))];
    if (!bin) throw new RangeError(`calibration: ${confidence} is no confidence`);
    bin.n++;
    bin.confidence += confidence;
    bin.right += Number(right[i]);
  }
  let expectedError = 0;
  const bins = sums.map((bin, b): ReliabilityBin => {
    expectedError += Math.abs(bin.right - bin.confidence) / confidences.length;
    return {
      low: lowest + b * size,
      high: lowest + (b + 1) * size,
      n: bin.n,
      confidence: bin.n === 0 ? null : bin.confidence / bin.n,
      accuracy: bin.n === 0 ? null : proportion(bin.right, bin.n, unit),
    };
  });
  return { bins, expectedError };
}
