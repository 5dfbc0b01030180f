import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../../engine/data-of.ts';
import { tensorflow } from '../../engine/engine.ts';
import { bestAssignment } from './assignment.ts';

/** How each feature of one dictionary finds its like in another. */
export interface Matching {
  /** Mean of `cosines`. */
  mean: number;
  /** [A] cosine of each row of the first dictionary with its match. */
  cosines: Float32Array;
  /** [A] index of the match in the second dictionary. */
  matches: Int32Array;
}

/**
 * MMCS, mean max cosine similarity (Sharkey et al., "Taking features out of superposition", 2022): each row of a_AD with
 * its most similar row of b_BD. Several may share one.
 */
export function maxCosineMatching(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): Matching {
  const tf = tensorflow();
  const cosines_AB = tf.tidy(() => cosineMatrix(a_AD, b_BD));
  const cosines = dataOf(() => cosines_AB.max(1));
  const matches = Int32Array.from(dataOf(() => cosines_AB.argMax(1).cast('float32')));
  cosines_AB.dispose();
  return matching(cosines, matches);
}

/**
 * The same with distinct matches, the sum of cosines being largest (Hungarian assignment), as the published comparison of
 * small with large dictionaries. a_AD must not have more rows than b_BD.
 */
export function assignedCosineMatching(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): Matching {
  const [A] = a_AD.shape;
  const [B] = b_BD.shape;
  const cosines_AB = dataOf(() => cosineMatrix(a_AD, b_BD));
  const matches = bestAssignment(cosines_AB, A, B);
  return matching(
    Float32Array.from(matches, (column, row) => cosines_AB[row * B + column]!),
    matches,
  );
}

function cosineMatrix(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): tf.Tensor2D {
  const tf = tensorflow();
  const unit = (rows: tf.Tensor2D) => tf.divNoNan(rows, rows.square().sum(1, true).sqrt()) as tf.Tensor2D;
  return tf.matMul(unit(a_AD), unit(b_BD), false, true);
}

function matching(cosines: Float32Array, matches: Int32Array): Matching {
  return { mean: cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length, cosines, matches };
}
