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
  /** @param acts_ND what was read: needed by a skip connection */
  decode(features_NF: tf.Tensor2D, acts_ND?: tf.Tensor2D): tf.Tensor2D;
}

export interface Measured {
  /** One for each group, in the order of first appearance. */
  moments: Moments[];
  firings: Firings;
}

const CHUNK_ROWS = 2048;

/**
 * Moments and firings of a dictionary on acts_ND, `groups[n]` being the group (text) of row n; without groups, one for all.
 *
 * @param target_NE what the reconstructions are compared with, where that is not what is read
 */
export function measure(
  dictionary: Encoding,
  acts_ND: Float32Array,
  groups?: ArrayLike<number>,
  target_NE = acts_ND,
): Measured {
  const { width: D, features: F } = dictionary;
  const N = acts_ND.length / D;
  const E = target_NE.length / N;
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
        of = emptyMoments(E);
        moments.set(group, of);
      }
      const wanted = target_NE.subarray((start + n) * E, (start + n + 1) * E);
      addRow(of, wanted, x_hat.subarray(n * E, (n + 1) * E), active[n]!, l1[n]!);
    }
    for (let f = 0; f < F; f++) counts_F[f]! += fired[f]!;
  }
  return { moments: [...moments.values()], firings: { rows: N, counts_F } };
}

/** How often the features fire on acts_ND. */
export function countFirings(dictionary: Encoding, acts_ND: Float32Array): Firings {
  const tf = tensorflow();
  const { width: D, features: F } = dictionary;
  const rows = acts_ND.length / D;
  const counts_F = new Float64Array(F);
  for (let start = 0; start < rows; start += CHUNK_ROWS) {
    const chunk = acts_ND.subarray(start * D, Math.min(rows, start + CHUNK_ROWS) * D);
    const fired = dataOf(() =>
      dictionary
        .encode(tf.tensor2d(chunk, [chunk.length / D, D]))
        .greater(0)
        .cast('float32')
        .sum(0),
    );
    for (let f = 0; f < F; f++) counts_F[f]! += fired[f]!;
  }
  return { rows, counts_F };
}

function run(
  dictionary: Encoding,
  acts: Float32Array,
  rows: number,
): Record<'x_hat' | 'active' | 'l1' | 'fired', Float32Array> {
  const tf = tensorflow();
  const acts_ND = tf.tensor2d(acts, [rows, dictionary.width]);
  const features_NF = dictionary.encode(acts_ND);
  const fires_NF = tf.tidy(() => features_NF.greater<tf.Tensor2D>(0).cast('float32'));
  const numbers = {
    x_hat: dataOf(() => dictionary.decode(features_NF, acts_ND)),
    active: dataOf(() => fires_NF.sum(1)),
    l1: dataOf(() => features_NF.sum(1)),
    fired: dataOf(() => fires_NF.sum(0)),
  };
  tf.dispose([acts_ND, features_NF, fires_NF]);
  return numbers;
}
