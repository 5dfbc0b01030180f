import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';

/**
 * Numbers in one result at most. Larger blocks are given back to the system each time they are freed, and faulting them in
 * again costs more than computing them.
 */
const CHUNK_NUMBERS = 4 * 2 ** 20;

/** Of the most numbers, that a part may have more: rather than one part more, of a few rows. */
const SLACK = 1 / 16;

/** [start, rows] of the parts, of about the same size, in which to compute a result of `numbers` numbers a row. */
export function rowChunks(B: number, numbers: number, atMost = CHUNK_NUMBERS): [number, number][] {
  const parts = Math.ceil((B * numbers) / (atMost * (1 + SLACK)));
  const rows = Math.ceil(B / Math.min(B, parts));
  return Array.from({ length: Math.ceil(B / rows) }, (_, i) => [i * rows, Math.min(rows, B - i * rows)]);
}

export function joinRows(parts: tf.Tensor2D[]): tf.Tensor2D {
  return parts.length === 1 ? (parts[0] as tf.Tensor2D) : tensorflow().concat(parts, 0);
}
