import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { reluGradient } from '../engine/relu-gradient.ts';

/**
 * What lies in the window of JumpReLU's straight-through estimates, |z - theta| < bandwidth / 2, feature by feature: the sum
 * of `slopes_BF` there, and the number of elements for the step function. Must run inside `tf.tidy`.
 *
 * @param excess_BF z - theta
 * @param stepReads what the step function is of: z, or f as in dictionary_learning. f is z above theta and 0 below, where the
 *   window holds it only if theta is below bandwidth / 2
 */
export function stepsInWindow(
  slopes_BF: tf.Tensor2D,
  excess_BF: tf.Tensor2D,
  threshold_F: tf.Tensor1D,
  bandwidth: number,
  stepReads: 'pre-activation' | 'activation',
): { slopes_F: tf.Tensor1D; steps_F: tf.Tensor1D } {
  const tf = tensorflow();
  const B = excess_BF.shape[0];
  // Above 0 inside the window.
  const inside_BF = tf.tidy(() => tf.sub<tf.Tensor2D>(bandwidth / 2, excess_BF.abs()));
  const slopes_F = tf.tidy(() => reluGradient(slopes_BF, inside_BF).sum<tf.Tensor1D>(0));
  const count = (condition_BF: tf.Tensor) => condition_BF.cast('float32').sum<tf.Tensor1D>(0);
  if (stepReads === 'pre-activation')
    return { slopes_F, steps_F: tf.tidy(() => count(inside_BF.greater(0))) };
  const steps_F = tf.tidy(() => {
    const active_BF = excess_BF.greater(0);
    const inactive_F = tf.sub(B, count(active_BF)).mul(threshold_F.less(bandwidth / 2).cast('float32'));
    return count(active_BF.logicalAnd(inside_BF.greater(0))).add<tf.Tensor1D>(inactive_F);
  });
  return { slopes_F, steps_F };
}
