import type * as tf from '@tensorflow/tfjs';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOp } from './raw-op.ts';

const attributes = (transpose: boolean) => [
  attribute.bool('transpose_a', transpose),
  attribute.bool('transpose_b', false),
  attribute.bool('a_is_sparse', true),
  attribute.bool('b_is_sparse', false),
  attribute.type('Ta', 'float'),
  attribute.type('Tb', 'float'),
];
const PLAIN = attributes(false);
const TRANSPOSED = attributes(true);

/**
 * sparse_NF b_FD, for a matrix that is stored densely but is mostly zeros: [N, D]. Time goes with the number of non-zeros.
 * Not differentiable.
 */
export function sparseMatMul(sparse_NF: tf.Tensor2D, b_FD: tf.Tensor2D): tf.Tensor2D {
  if (!isNative()) return tensorflow().matMul(sparse_NF, b_FD);
  return rawOp('SparseMatMul', PLAIN, [sparse_NF, b_FD]);
}

/** sparse_NF^T b_ND: [F, D]. */
export function sparseMatMulTransposed(sparse_NF: tf.Tensor2D, b_ND: tf.Tensor2D): tf.Tensor2D {
  if (!isNative()) return tensorflow().matMul(sparse_NF, b_ND, true);
  return rawOp('SparseMatMul', TRANSPOSED, [sparse_NF, b_ND]);
}
