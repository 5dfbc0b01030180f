import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import type { Firings } from './metrics/dead-fraction.ts';
import { addRow, emptyMoments, type Moments } from './metrics/moments.ts';

/** What measuring needs of a dictionary, in training or loaded. */
export interface Encoding {
  readonly width: number;
  readonly features: number;
  encode(acts_ND: tf.Tensor2D): tf.Tensor2D;
  decode(features_NF: tf.Tensor2D): tf.Tensor2D;
}

export interface Measured {
  /** One for each group, in the order of first appearance. */
  moments: Moments[];
  firings: Firings;
}

const CHUNK_ROWS = 2048;

/**
 * Moments and firings of a dictionary on acts_ND, `groups[n]` being the group (text) of row n; without groups, one for all.
 */
export function measure(dictionary: Encoding, acts_ND: Float32Array, groups?: ArrayLike<number>): Measured {
  const { width: D, features: F } = dictionary;
  const N = acts_ND.length / D;
  const moments = new Map<number, Moments>();
  const counts_F = new Float64Array(F);
  for (let start = 0; start < N; start += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, N - start);
    const chunk = acts_ND.subarray(start * D, (start + rows) * D);
    const { x_hat, active, l1, fired } = run(dictionary, chunk, rows);
    for (let n = 0; n < rows; n++) {
      const group = groups?.[start + n] ?? 0;
      let of = moments.get(group);
      if (!of) {
        of = emptyMoments(D);
        moments.set(group, of);
      }
      addRow(of, chunk.subarray(n * D, (n + 1) * D), x_hat.subarray(n * D, (n + 1) * D), active[n]!, l1[n]!);
    }
    for (let f = 0; f < F; f++) counts_F[f]! += fired[f]!;
  }
  return { moments: [...moments.values()], firings: { rows: N, counts_F } };
}

function run(
  dictionary: Encoding,
  acts: Float32Array,
  rows: number,
): Record<'x_hat' | 'active' | 'l1' | 'fired', Float32Array> {
  const tf = tensorflow();
  const features_NF = tf.tidy(() => dictionary.encode(tf.tensor2d(acts, [rows, dictionary.width])));
  const fires_NF = tf.tidy(() => features_NF.greater<tf.Tensor2D>(0).cast('float32'));
  const numbers = {
    x_hat: dataOf(() => dictionary.decode(features_NF)),
    active: dataOf(() => fires_NF.sum(1)),
    l1: dataOf(() => features_NF.sum(1)),
    fired: dataOf(() => fires_NF.sum(0)),
  };
  tf.dispose([features_NF, fires_NF]);
  return numbers;
}
