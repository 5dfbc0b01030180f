import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { add, meanLast, mul, rsqrt, square, sub, sumRows } from './untaped.ts';

/**
 * Root mean square normalisation (Zhang & Sennrich 2019, eq. 4):
 *
 *   y = z (gain + offset),   z = x / sqrt(mean(x^2) + eps)       over the last axis
 *
 * `offset` is 1 in Gemma, whose checkpoints hold the gain less 1.
 */
export function rmsNorm(x_ND: tf.Tensor2D, gain_D: tf.Tensor1D, epsilon: number, offset = 0): tf.Tensor2D {
  const whole = (gain: tf.Tensor) => (offset === 0 ? gain : add(gain, offset));
  return differentiable<tf.Tensor2D>([x_ND, gain_D], () => {
    const scale_N1 = rsqrt(add(meanLast(square(x_ND)), epsilon));
    const z_ND = mul(x_ND, scale_N1);
    return {
      value: mul(z_ND, whole(gain_D)) as tf.Tensor2D,
      saved: [z_ND, scale_N1, gain_D],
      // dz = dy g;  dx = s (dz - z mean(dz z))
      gradient: (dy_ND, saved) => {
        const [z, scale, gain] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        const dz_ND = mul(dy_ND, whole(gain));
        const dx_ND = mul(sub(dz_ND, mul(z, meanLast(mul(dz_ND, z)))), scale);
        return [dx_ND, sumRows(mul(dy_ND, z))];
      },
    };
  });
}
