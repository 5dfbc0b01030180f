import type * as tf from '@tensorflow/tfjs';
import { isGpu, isNative, tensorflow } from './engine.ts';
import { attribute, rawOp, T_FLOAT } from './raw-op.ts';

/** Fills `into` with the values from element `start` on. */
export type ReadValues = (start: number, into: Float32Array) => void;

/** Numbers handed over at a time: 1 MiB, which stays in the processor's cache. */
const PIECE = 1 << 18;
const scratch = new Float32Array(PIECE);

/**
 * A float32 tensor whose values are read piece by piece into its own memory. TensorFlow.js would hold a whole tensor in a
 * JavaScript array until its first use, and copy it then: twice the memory of a model.
 */
export function assembledTensor(shape: readonly number[], read: ReadValues): tf.Tensor {
  const tf = tensorflow();
  const size = shape.reduce((product, n) => product * n, 1);
  if (!fillsInPlace()) {
    const values = new Float32Array(size);
    read(0, values);
    return tf.tensor(values, [...shape], 'float32');
  }
  if (size <= PIECE) {
    // An array of its own: TensorFlow may keep the memory that it is given instead of copying it.
    const values = new Float32Array(size);
    read(0, values);
    return tf.tidy(() => toEngine(values, shape));
  }
  return tf.tidy(() => assemble(shape, size, read));
}

const ALLOCATE = [attribute.type('dtype', 'float'), attribute.bool('init', false)];

function assemble(shape: readonly number[], size: number, read: ReadValues): tf.Tensor {
  const tf = tensorflow();
  const columns = rowLength(shape, size);
  const rows = size / columns;
  const whole_RC = rawOp('Empty', ALLOCATE, [tf.tensor1d([rows, columns], 'int32')]);
  const step = Math.floor(PIECE / columns);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const values = scratch.subarray(0, count * columns);
    read(row * columns, values);
    tf.tidy(() => {
      const ids = tf.tensor1d(
        Int32Array.from({ length: count }, (_, i) => row + i),
        'int32',
      );
      // Writes into the memory of its first input, which its output shares.
      rawOp('InplaceUpdate', [T_FLOAT], [whole_RC, ids, tf.tensor2d(values, [count, columns])]);
    });
  }
  return rawOp('Reshape', [], [whole_RC, tf.tensor1d([...shape], 'int32')]);
}

/** How many numbers lie in a row of the matrix that the tensor is filled as: at most a piece. */
function rowLength(shape: readonly number[], size: number): number {
  let columns = 1;
  for (const n of [...shape].reverse()) {
    if (columns * n > PIECE) break;
    columns *= n;
  }
  if (columns > 1) return columns;
  let power = 1;
  while (size % (2 * power) === 0 && 2 * power <= PIECE) power *= 2;
  return power;
}

/** Hands the values over now, so that no JavaScript array waits for the tensor's first use. */
function toEngine(values: Float32Array, shape: readonly number[]): tf.Tensor {
  const tf = tensorflow();
  return rawOp('Reshape', [], [tf.tensor1d(values), tf.tensor1d([...shape], 'int32')]);
}

let inPlace: boolean | undefined;

/** InplaceUpdate is a deprecated op of TensorFlow: it is used where it is there and writes in place. */
function fillsInPlace(): boolean {
  inPlace ??= isNative() && !isGpu() && tensorflow().tidy(writesInPlace);
  return inPlace;
}

function writesInPlace(): boolean {
  const tf = tensorflow();
  try {
    const filled = rawOp('Empty', ALLOCATE, [tf.tensor1d([3, 2], 'int32')]);
    for (const row of [2, 0, 1])
      rawOp('InplaceUpdate', [T_FLOAT], [filled, tf.tensor1d([row], 'int32'), tf.tensor2d([[row, 7]])]);
    return filled.dataSync().join() === '0,7,1,7,2,7';
  } catch {
    return false;
  }
}
