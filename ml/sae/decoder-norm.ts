import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';

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
