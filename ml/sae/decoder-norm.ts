import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import type { InferenceWeights } from './types.ts';

/**
 * Keeps decoder rows at unit norm, as a constraint: gradients lose their part along the row before the step, and rows are
 * rescaled after it. Without it an autoencoder escapes an L1 penalty by shrinking activations and growing rows
 * (Bricken et al., "Towards Monosemanticity", 2023; dictionary_learning, whose epsilons these are).
 */
const FLOAT_EPSILON = 1.1920929e-7;

/** rows / (||row|| + epsilon). [F, D] */
export function withUnitRows(rows_FD: tf.Tensor2D): tf.Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() =>
    rows_FD.div<tf.Tensor2D>(tf.sum(tf.square(rows_FD), 1, true).sqrt().add(FLOAT_EPSILON)),
  );
}

/** gradient - (gradient . u) u, with u = row / (||row|| + 1e-6). [F, D] */
export function withoutRadialPart(gradient_FD: tf.Tensor2D, rows_FD: tf.Tensor2D): tf.Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const norms_F1 = tf.sum(tf.square(rows_FD), 1, true).sqrt().add(1e-6);
    // (g . row / n) row / n: both divisions on [F, 1].
    const along_F1 = tf.sum(tf.mul(gradient_FD, rows_FD), 1, true).div(norms_F1.square());
    return gradient_FD.sub<tf.Tensor2D>(rows_FD.mul(along_F1));
  });
}

/** ||row|| of each. [F] */
export function rowNorms(rows_FD: tf.Tensor2D): tf.Tensor1D {
  const tf = tensorflow();
  return tf.tidy(() => tf.square(rows_FD).sum<tf.Tensor1D>(1).sqrt());
}

/**
 * The same reconstructions from decoder rows of unit norm: what the rows lose, encoder rows, their biases and the thresholds
 * gain, since ReLU and JumpReLU commute with a positive factor. A row of norm 0 stays.
 */
export function withoutRowNorms(
  weights: InferenceWeights,
  width: number,
  outputWidth = width,
): InferenceWeights {
  const norms = Float64Array.from(weights.encoderBias_F, (_, f) => {
    const row = weights.decoder_FD.subarray(f * outputWidth, (f + 1) * outputWidth);
    return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
  });
  const perRow = (rows: Float32Array, length: number, change: (value: number, norm: number) => number) =>
    rows.map((value, i) => change(value, norms[Math.floor(i / length)] as number));
  const gained = (values_F: Float32Array) => values_F.map((value, f) => value * (norms[f] as number));
  return {
    ...weights,
    encoder_FD: perRow(weights.encoder_FD, width, (value, norm) => value * norm),
    decoder_FD: perRow(weights.decoder_FD, outputWidth, (value, norm) => value / norm),
    encoderBias_F: gained(weights.encoderBias_F),
    ...(weights.threshold_F && { threshold_F: gained(weights.threshold_F) }),
  };
}
