import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/**
 * The numbers of the tensor that `compute` makes; everything it made is freed. Never return a typed array from tf.tidy
 * itself: tidy looks for tensors in what it returns, element by element, which costs more than most ops.
 */
export function dataOf(compute: () => tf.Tensor): Float32Array {
  const tensor = tensorflow().tidy(compute);
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}
