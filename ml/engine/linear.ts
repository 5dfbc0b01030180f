import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { biasAdd, matMul, sumRows } from './untaped.ts';

/** y_NO = x_NI w_OI^T + b_O: the layout in which checkpoints store their weights. */
export function linear(x_NI: tf.Tensor2D, w_OI: tf.Tensor2D, b_O?: tf.Tensor1D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>(b_O ? [x_NI, w_OI, b_O] : [x_NI, w_OI], () => {
    const product_NO = matMul(x_NI, w_OI, false, true);
    return {
      value: (b_O ? biasAdd(product_NO, b_O) : product_NO) as tf.Tensor2D,
      saved: [x_NI, w_OI],
      gradient: (dy_NO, saved) => {
        const [x, w] = saved as [tf.Tensor, tf.Tensor];
        const dx_NI = matMul(dy_NO, w);
        const dw_OI = matMul(dy_NO, x, true);
        return b_O ? [dx_NI, dw_OI, sumRows(dy_NO)] : [dx_NI, dw_OI];
      },
    };
  });
}
