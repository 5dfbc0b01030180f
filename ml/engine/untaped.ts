import type * as tf from '@tensorflow/tfjs';
import { constant, intConstant, intList } from './constants.ts';
import { isNative, tensorflow } from './engine.ts';
import { type Attribute, attribute, rawOp, rawOps, T_FLOAT } from './raw-op.ts';

/**
 * The bricks of our own ops: single TensorFlow ops on float32 tensors with nothing around them (no type promotion, no
 * shape checks, no tape), which TensorFlow.js would add for 10-20 us each. On the wasm fallback they are the
 * TensorFlow.js ops of the same meaning.
 *
 * Not differentiable: use them inside `differentiable(...)`, which brings its own gradient, or where none is needed.
 *
 * Element types are left for TensorFlow to infer from the inputs: each attribute that is spelled out costs 2 us.
 */
type T = tf.Tensor;

const KEEP_DIMENSIONS = [attribute.bool('keep_dims', true)];
const TRANSPOSE_A = attribute.bool('transpose_a', true);
const TRANSPOSE_B = attribute.bool('transpose_b', true);
const ADJOINT_X = attribute.bool('adj_x', true);
const ADJOINT_Y = attribute.bool('adj_y', true);
const which = (a: boolean, b: boolean, left: Attribute, right: Attribute) =>
  a ? (b ? [left, right] : [left]) : b ? [right] : [];

const binary = (op: string, plain: 'add' | 'sub' | 'mul') => (a: T, b: T | number) => {
  const right = typeof b === 'number' ? constant(b) : b;
  return isNative() ? rawOp(op, [], [a, right]) : a[plain](right);
};
const unary = (op: string, plain: (x: T) => T) => (x: T) => (isNative() ? rawOp(op, [], [x]) : plain(x));

export const add = binary('AddV2', 'add');
export const sub = binary('Sub', 'sub');
export const mul = binary('Mul', 'mul');
export const square = unary('Square', (x) => x.square());
export const exp = unary('Exp', (x) => x.exp());
export const tanh = unary('Tanh', (x) => x.tanh());
export const rsqrt = unary('Rsqrt', (x) => x.rsqrt());
export const softmax = unary('Softmax', (x) => x.softmax());
export const logSoftmax = unary('LogSoftmax', (x) => x.logSoftmax());
/** 1 - erf(x). */
export const erfc = unary('Erfc', (x) => tensorflow().sub(1, x.erf()));

/** Mean over the last axis, which stays with size 1. */
export const meanLast = (x: T): T =>
  isNative() ? rawOp('Mean', KEEP_DIMENSIONS, [x, intConstant(x.rank - 1)]) : x.mean(x.rank - 1, true);

/** Sum over the last axis, which stays with size 1. */
export const sumLast = (x: T): T =>
  isNative() ? rawOp('Sum', KEEP_DIMENSIONS, [x, intConstant(x.rank - 1)]) : x.sum(x.rank - 1, true);

/** x_ND + b_D. */
export const biasAdd = (x: T, b: T): T => (isNative() ? rawOp('BiasAdd', [], [x, b]) : x.add(b));

/** Sum of the rows of x_ND: [D]. */
export const sumRows = (x: T): T => (isNative() ? rawOp('BiasAddGrad', [], [x]) : x.sum(0));

/** Matrix product, each side transposed if so asked. */
export const matMul = (a: T, b: T, transposeA = false, transposeB = false): T => {
  if (!isNative()) return a.matMul(b, transposeA, transposeB);
  if (transposeB && !transposeA && isSlowTransposed(a.shape[0] as number, b.shape[0] as number))
    return rawOp('BatchMatMulV2', [ADJOINT_Y], [a, b]);
  return rawOp('MatMul', which(transposeA, transposeB, TRANSPOSE_A, TRANSPOSE_B), [a, b]);
};

/**
 * Of rows_MI W_OI^T, the product of every linear layer: whether TensorFlow's MatMul (Eigen) is slower than its BatchMatMulV2
 * (oneDNN). Measured on two cores: from 9 rows up by 5 % (1024 rows) to 5 times (16 rows); below only where W is so large
 * that it comes from main memory, and not for the one to three rows that Eigen treats as vectors.
 */
const isSlowTransposed = (rows: number, outputs: number) => rows > 8 || (rows > 3 && outputs > 8192);

/** Matrix product of the last two axes. */
export const batchMatMul = (a: T, b: T, transposeA = false, transposeB = false): T =>
  isNative()
    ? rawOp('BatchMatMulV2', which(transposeA, transposeB, ADJOINT_X, ADJOINT_Y), [a, b])
    : a.matMul(b, transposeA, transposeB);

export const reshape = (x: T, shape: number[]): T =>
  isNative() ? rawOp('Reshape', [], [x, intList(shape)]) : x.reshape(shape);

export const transpose = (x: T, order: number[]): T =>
  isNative() ? rawOp('Transpose', [], [x, intList(order)]) : x.transpose(order);

// Of lists of inputs TensorFlow infers nothing.
const CONCAT_2 = [T_FLOAT, attribute.int('N', 2), attribute.type('Tidx', 'int32')];
/** a, then b, along an axis. */
export const concat = (a: T, b: T, axis: number): T =>
  isNative() ? rawOp('ConcatV2', CONCAT_2, [a, b, intConstant(axis)]) : tensorflow().concat([a, b], axis);

const STACK_2 = [T_FLOAT, attribute.int('N', 2), attribute.int('axis', 0)];
/** [a, b] on a new first axis. */
export const stack = (a: T, b: T): T =>
  isNative() ? rawOp('Pack', STACK_2, [a, b]) : tensorflow().stack([a, b], 0);

const SPLIT_2 = [attribute.int('num_split', 2)];
/** Two parts along an axis; along the first axis they are views, not copies. */
export const split = (x: T, sizes: [number, number], axis: number): [T, T] =>
  (isNative()
    ? rawOps('SplitV', SPLIT_2, [x, intList(sizes), intConstant(axis)], 2)
    : tensorflow().split(x, sizes, axis)) as [T, T];

const UNSTACK_2 = [attribute.int('num', 2)];
/** The two entries of the first axis, as views. */
export const unstack = (x: T): [T, T] =>
  (isNative() ? rawOps('Unpack', UNSTACK_2, [x], 2) : tensorflow().unstack(x, 0)) as [T, T];

/** `size` entries of the first axis of a matrix, from `start`. */
export const slice = (x: T, start: number, size: number): T =>
  isNative()
    ? rawOp('Slice', [], [x, intList([start, 0]), intList([size, -1])])
    : x.slice([start, 0], [size, -1]);

/** Entries `ids` (int32) of the first axis. */
export const gather = (x: T, ids: T): T =>
  isNative() ? rawOp('GatherV2', [], [x, ids, intConstant(0)]) : tensorflow().gather(x, ids);

/** out[i] = sum of the rows of x_ND whose id is i: [count, D]. */
export const segmentSum = (x: T, ids: T, count: number): T =>
  isNative()
    ? rawOp('UnsortedSegmentSum', [], [x, ids, intConstant(count)])
    : tensorflow().unsortedSegmentSum(x, ids as tf.Tensor1D, count);

const ADD_3 = [T_FLOAT, attribute.int('N', 3)];
/** a + b + c of equal shapes, in one pass. */
export const addThree = (a: T, b: T, c: T): T =>
  isNative() ? rawOp('AddN', ADD_3, [a, b, c]) : tensorflow().addN([a, b, c]);
