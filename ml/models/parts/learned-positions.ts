import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../engine/engine.ts';

/** The row of the position table that each token of a pass reads: [B T], int32. */
export function positionRows(batch: number, length: number, positionIds: Int32Array | null): tf.Tensor1D {
  const rows = positionIds ?? Int32Array.from({ length: batch * length }, (_, i) => i % length);
  return tensorflow().tensor1d(rows, 'int32');
}
