import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../engine/engine.ts';
import type { RandomStream } from '../../random/stream.ts';
import { randomDirections } from '../initial-weights.ts';
import { assignedCosineMatching, type Matching, maxCosineMatching } from '../metrics/mmcs.ts';
import type { ComparedPair, Likes, Pairing } from './types.ts';

/**
 * Two dictionaries by the directions that their features write, a_AD and b_BD, in both directions and one to one, beside two
 * controls in place of the first:
 *
 *   random     as many directions drawn uniformly: what the mere number of directions and coordinates gives
 *   permuted   the first's own rows, the coordinates of all of them in the same other order: a dictionary with the same
 *              lengths, angles and large entries that knows nothing of the second. Higher than `random` where both
 *              dictionaries lean to few coordinates
 *
 * Pairs one to one are those of the largest sum of cosines (mmcs.ts); `assign: false` leaves them out, O(features^3).
 */
export function compareDirections(
  a_AD: tf.Tensor2D,
  b_BD: tf.Tensor2D,
  { assign, stream }: { assign: boolean; stream: RandomStream },
): Omit<ComparedPair, 'first' | 'second'> {
  const tf = tensorflow();
  const [A, D] = a_AD.shape;
  const random_AD = tf.tensor2d(randomDirections(A, D, 1, stream), [A, D]);
  const permuted_AD = tf.gather(a_AD, tf.tensor1d(stream.permutation(D), 'int32'), 1);
  const pairing = (rows: tf.Tensor2D) => (assign ? assignedPairs(rows, b_BD) : null);
  const compared = {
    likesOfFirst: likes(maxCosineMatching(a_AD, b_BD)),
    likesOfSecond: likes(maxCosineMatching(b_BD, a_AD)),
    assigned: pairing(a_AD),
    controls: {
      random: likes(maxCosineMatching(random_AD, b_BD)).cosine,
      permuted: likes(maxCosineMatching(permuted_AD, b_BD)).cosine,
      assignedRandom: pairing(random_AD)?.cosine ?? null,
      assignedPermuted: pairing(permuted_AD)?.cosine ?? null,
    },
  };
  tf.dispose([random_AD, permuted_AD]);
  return compared;
}

/** As many pairs as the smaller dictionary has features, by the index in it. */
function assignedPairs(a_AD: tf.Tensor2D, b_BD: tf.Tensor2D): Pairing {
  const swapped = a_AD.shape[0] > b_BD.shape[0];
  const { matches, cosines } = swapped
    ? assignedCosineMatching(b_BD, a_AD)
    : assignedCosineMatching(a_AD, b_BD);
  const own = Array.from(matches, (_, i) => i);
  const other = Array.from(matches);
  return {
    first: swapped ? other : own,
    second: swapped ? own : other,
    cosine: Array.from(cosines, rounded),
  };
}

const likes = ({ matches, cosines }: Matching): Likes => ({
  match: Array.from(matches),
  cosine: Array.from(cosines, rounded),
});

/** Files hold six digits: more than a single precision product has. */
const rounded = (cosine: number): number => Math.round(cosine * 1e6) / 1e6;
