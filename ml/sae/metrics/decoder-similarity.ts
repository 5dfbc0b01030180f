import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../../engine/data-of.ts';
import { tensorflow } from '../../engine/engine.ts';
import { unitRows } from './unit-rows.ts';

/** Rows compared at once: bounds the matrix of cosines. */
const CHUNK_ROWS = 1024;

/**
 * The largest cosine of each decoder row to any other row of the same dictionary (SAEBench's core evaluation,
 * `max_decoder_cosine_sim`). Near 1: two features write the same direction, one of them is superfluous. What is expected of
 * F random directions in D dimensions is well above 0, so it belongs beside such a number. [F]; one row alone gives -1.
 */
export function maxCosineToOthers(decoder_FD: tf.Tensor2D): Float32Array {
  const tf = tensorflow();
  const [F] = decoder_FD.shape;
  const largest = new Float32Array(F);
  const unit_FD = unitRows(decoder_FD);
  for (let start = 0; start < F; start += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, F - start);
    largest.set(
      dataOf(() => {
        const cosines_CF = tf.matMul(unit_FD.slice([start, 0], [rows, -1]), unit_FD, false, true);
        const own_CF = tf.oneHot(tf.range(start, start + rows, 1, 'int32'), F);
        // A cosine is at least -1: taking 3 from a row's cosine to itself leaves the largest among the others.
        return cosines_CF.sub(own_CF.mul(3)).max(1).maximum(-1);
      }),
      start,
    );
  }
  unit_FD.dispose();
  return largest;
}
