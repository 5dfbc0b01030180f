import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/**
 * Small constant tensors, made once and kept: making one costs as much as an op. They belong to nobody: never dispose
 * them. Not for numbers that change from step to step: those would pile up.
 */
const kept = new Map<string, tf.Tensor>();

/** A float32 scalar. */
export const constant = (value: number): tf.Scalar =>
  keep(`f${value}`, (tf) => tf.scalar(value)) as tf.Scalar;

/** An int32 scalar. */
export const intConstant = (value: number): tf.Scalar =>
  keep(`i${value}`, (tf) => tf.scalar(value, 'int32')) as tf.Scalar;

/** An int32 vector: a shape, a permutation, the sizes of a split. */
export const intList = (values: readonly number[]): tf.Tensor1D =>
  keep(`l${values.join()}`, (tf) => tf.tensor1d([...values], 'int32')) as tf.Tensor1D;

function keep(key: string, make: (tf: ReturnType<typeof tensorflow>) => tf.Tensor): tf.Tensor {
  let tensor = kept.get(key);
  if (!tensor) {
    const tf = tensorflow();
    tensor = tf.keep(make(tf));
    kept.set(key, tensor);
  }
  return tensor;
}
