import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../engine/engine.ts';

/** Rows scaled to length 1, so that their products are cosines. A row of zeros stays as it is: its cosine to any other is 0. */
export function unitRows(rows_FD: tf.Tensor2D): tf.Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => tf.divNoNan(rows_FD, rows_FD.square().sum(1, true).sqrt()) as tf.Tensor2D);
}
