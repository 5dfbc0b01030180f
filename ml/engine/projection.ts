import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { biasAdd, matMul, sumRows } from './untaped.ts';

/** y_NO = x_NI w_IO + b_O: `linear` for weights stored input first, as GPT-2's checkpoints do. */
export function projection(x_NI: tf.Tensor2D, w_IO: tf.Tensor2D, b_O: tf.Tensor1D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x_NI, w_IO, b_O], () => ({
    value: biasAdd(matMul(x_NI, w_IO), b_O) as tf.Tensor2D,
    saved: [x_NI, w_IO],
    gradient: (dy_NO, saved) => {
      const [x, w] = saved as [tf.Tensor, tf.Tensor];
      return [matMul(dy_NO, w, false, true), matMul(x, dy_NO, true), sumRows(dy_NO)];
    },
  }));
}
