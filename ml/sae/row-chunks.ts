import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';

/**
 * Numbers in one result at most. Larger blocks are given back to the system each time they are freed, and faulting them in
 * again costs more than computing them.
 */
const CHUNK_NUMBERS = 4 * 2 ** 20;

/** [start, rows] of the parts in which to compute a result of `numbers` numbers a row. */
export function rowChunks(B: number, numbers: number, atMost = CHUNK_NUMBERS): [number, number][] {
  const rows = Math.max(1, Math.floor(atMost / numbers));
  return Array.from({ length: Math.ceil(B / rows) }, (_, i) => [i * rows, Math.min(rows, B - i * rows)]);
}

export function joinRows(parts: tf.Tensor2D[]): tf.Tensor2D {
  return parts.length === 1 ? (parts[0] as tf.Tensor2D) : tensorflow().concat(parts, 0);
}
