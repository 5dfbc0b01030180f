import type * as tf from '@tensorflow/tfjs';
import { isNative } from './engine.ts';
import { rawOp, T_FLOAT } from './raw-op.ts';

/** dy where the rectified y = relu(x) is above 0, else 0. Not differentiable. */
export function reluGradient<T extends tf.Tensor>(dy: T, y: T): T {
  if (!isNative()) return dy.mul(y.greater(0).cast('float32')) as T;
  return rawOp<T>('ReluGrad', [T_FLOAT], [dy, y]);
}
