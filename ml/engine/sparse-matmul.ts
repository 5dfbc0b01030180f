import type * as tf from '@tensorflow/tfjs';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOp } from './raw-op.ts';

const ATTRIBUTES = [
  attribute.bool('transpose_a', false),
  attribute.bool('transpose_b', false),
  attribute.bool('a_is_sparse', true),
  attribute.bool('b_is_sparse', false),
  attribute.type('Ta', 'float'),
  attribute.type('Tb', 'float'),
];

/**
 * sparse_NF b_FD, for a matrix that is stored densely but is mostly zeros: [N, D]. Time goes with the number of non-zeros.
 * Not differentiable. The op can also transpose its left side, but takes twice as long then: make it transposed instead.
 */
export function sparseMatMul(sparse_NF: tf.Tensor2D, b_FD: tf.Tensor2D): tf.Tensor2D {
  if (!isNative()) return tensorflow().matMul(sparse_NF, b_FD);
  return rawOp('SparseMatMul', ATTRIBUTES, [sparse_NF, b_FD]);
}
