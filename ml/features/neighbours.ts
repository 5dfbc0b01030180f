import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';

/** Norms below this are those of features that write nothing. */
const TINY = 1e-12;

/**
 * The features whose decoder rows have the largest cosine to that of each of `features`, nearest first: those that a vague
 * description is most likely to fit as well.
 *
 * @param eligible among these
 */
export function nearestFeatures(
  decoder_FD: tf.Tensor2D,
  features: readonly number[],
  eligible: readonly number[],
  count: number,
): number[][] {
  if (features.length === 0 || eligible.length === 0) return features.map(() => []);
  const tf = tensorflow();
  const unit = (rows_ND: tf.Tensor2D) => rows_ND.div<tf.Tensor2D>(rows_ND.norm(2, 1, true).maximum(TINY));
  const cosines_CN = dataOf(() =>
    tf.matMul(
      unit(tf.gather(decoder_FD, [...features])),
      unit(tf.gather(decoder_FD, [...eligible])),
      false,
      true,
    ),
  );
  return features.map((feature, c) => {
    const cosine = (i: number) => cosines_CN[c * eligible.length + i] as number;
    return Array.from(eligible, (_, i) => i)
      .filter((i) => eligible[i] !== feature)
      .sort((a, b) => cosine(b) - cosine(a) || a - b)
      .slice(0, count)
      .map((i) => eligible[i] as number);
  });
}
