import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/**
 * Raw TensorFlow ops, by their names in TensorFlow's op registry, for what TensorFlow.js lacks or does in many small ops
 * (an op costs 32-44 us from JavaScript, whatever its size). Native backend only: ask `isNative()`.
 */
export interface Attribute {
  name: string;
  type: number;
  value: number | boolean | string | number[];
}

// The enumerations TF_AttrType and TF_DataType of TensorFlow's C API, which never change.
const ATTR = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;
const DTYPE = { float: 1, int32: 3, bool: 10, resource: 20 } as const;

/** Attributes are best made once, at module level: making them anew for each call costs as much as a small op. */
export const attribute = {
  type: (name: string, dtype: keyof typeof DTYPE): Attribute => ({
    name,
    type: ATTR.type,
    value: DTYPE[dtype],
  }),
  int: (name: string, value: number): Attribute => ({ name, type: ATTR.int, value }),
  float: (name: string, value: number): Attribute => ({ name, type: ATTR.float, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: ATTR.bool, value }),
  string: (name: string, value: string): Attribute => ({ name, type: ATTR.string, value }),
  shape: (name: string, value: number[]): Attribute => ({ name, type: ATTR.shape, value }),
};

/** `T: float32`, the one attribute of most ops. */
export const T_FLOAT: Attribute = attribute.type('T', 'float');

interface NativeBackend {
  executeMultipleOutputs(
    op: string,
    attributes: Attribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/** Runs `op`, returning its `outputs` tensors. Throws TensorFlow's own message on wrong shapes or attributes. */
export function rawOps(
  op: string,
  attributes: Attribute[],
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  return (tensorflow().backend() as unknown as NativeBackend).executeMultipleOutputs(
    op,
    attributes,
    inputs,
    outputs,
  );
}

/** `rawOps` for ops with one output. */
export function rawOp<T extends tf.Tensor = tf.Tensor>(
  op: string,
  attributes: Attribute[],
  inputs: tf.Tensor[],
): T {
  return rawOps(op, attributes, inputs, 1)[0] as T;
}
