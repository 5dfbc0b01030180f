import type * as tf from '@tensorflow/tfjs';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOp, T_FLOAT } from './raw-op.ts';

const ATTRIBUTES = [T_FLOAT, attribute.type('Tindices', 'int32')];

/** `all` with `rows` added at `indices_N` (distinct) of its first axis. Not differentiable. */
export function addRows<T extends tf.Tensor>(all: T, indices_N: tf.Tensor1D, rows: tf.Tensor): T {
  const tf = tensorflow();
  const indices_N1 = indices_N.expandDims(1);
  if (!isNative()) return all.add(tf.scatterND(indices_N1, rows, all.shape)) as T;
  return rawOp<T>('TensorScatterAdd', ATTRIBUTES, [all, indices_N1, rows]);
}
