import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { addThree } from './untaped.ts';

/** x + a + b of equal shapes: the parallel residual, in one pass. */
export function addBoth(x_ND: tf.Tensor2D, a_ND: tf.Tensor2D, b_ND: tf.Tensor2D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x_ND, a_ND, b_ND], () => ({
    value: addThree(x_ND, a_ND, b_ND) as tf.Tensor2D,
    saved: [],
    gradient: (dy_ND) => [dy_ND.clone(), dy_ND.clone(), dy_ND.clone()],
  }));
}
