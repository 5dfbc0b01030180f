import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../../engine/data-of.ts';
import { tensorflow } from '../../engine/engine.ts';
import { bestAssignment } from './assignment.ts';
import { unitRows } from './unit-rows.ts';

/** How each feature of one dictionary finds its like in another. */
export interface Matching {
  /** Mean of `cosines`. */
  mean: number;
  /** [A] cosine of each row of the first dictionary with its match. */
  cosines: Float32Array;
  /** [A] index of the match in the second dictionary. */
  matches: Int32Array;
}

/** Rows compared at once: bounds the matrix of cosines where only the largest of each row is wanted. */
const CHUNK_ROWS = 1024;

/**
 * MMCS, mean max cosine similarity (Sharkey et al., "Taking features out of superposition", 2022): each row of a_AD with
 * its most similar row of b_BD. Several may share one.
 */
export function maxCosineMatching(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): Matching {
  const tf = tensorflow();
  const [A] = a_AD.shape;
  const cosines = new Float32Array(A);
  const matches = new Int32Array(A);
  const [unit_AD, unit_BD] = [unitRows(a_AD), unitRows(b_BD)];
  for (let start = 0; start < A; start += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, A - start);
    const cosines_CB = tf.tidy(() => tf.matMul(unit_AD.slice([start, 0], [rows, -1]), unit_BD, false, true));
    cosines.set(
      dataOf(() => cosines_CB.max(1)),
      start,
    );
    matches.set(
      dataOf(() => cosines_CB.argMax(1).cast('float32')),
      start,
    );
    cosines_CB.dispose();
  }
  tf.dispose([unit_AD, unit_BD]);
  return matching(cosines, matches);
}

/**
 * The same with distinct matches, the sum of cosines being largest (Hungarian assignment), as the published comparison of
 * small with large dictionaries. a_AD must not have more rows than b_BD.
 */
export function assignedCosineMatching(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): Matching {
  const tf = tensorflow();
  const [A] = a_AD.shape;
  const [B] = b_BD.shape;
  const cosines_AB = dataOf(() => tf.matMul(unitRows(a_AD), unitRows(b_BD), false, true));
  const matches = bestAssignment(cosines_AB, A, B);
  return matching(
    Float32Array.from(matches, (column, row) => cosines_AB[row * B + column]!),
    matches,
  );
}

function matching(cosines: Float32Array, matches: Int32Array): Matching {
  return { mean: cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length, cosines, matches };
}
