import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { joinRows, rowChunks } from './row-chunks.ts';

/**
 * The features that each row of a batch keeps, few among all: in groups of W that belong to one row, so that what is done
 * with them are small matrix products. Top-k has one group a row, of its k; where rows keep different numbers, groups are
 * filled up with features of value 0.
 */
export interface KeptFeatures {
  /** F, of which `columns_GW` are. */
  features: number;
  /** >= 0 */
  values_GW: tf.Tensor2D;
  columns_GW: tf.Tensor2D;
  /** The row of each group, ascending; null: group i is row i. */
  rows_G: tf.Tensor1D | null;
}

/** Features a group, where rows keep different numbers of them: a twelfth is filled up in vain when rows keep 32. */
const GROUP = 8;

/**
 * @param places_P where the kept values are in the flattened [B, F], ascending
 * @param from first of the features that are wanted, to before `to`; columns count from it
 */
export function groupKept(
  values_P: Float32Array,
  places_P: Int32Array,
  all: number,
  [from, to]: [number, number] = [0, all],
): KeptFeatures {
  const tf = tensorflow();
  const values: number[] = [];
  const columns: number[] = [];
  const rows: number[] = [];
  const fill = () => {
    while (values.length % GROUP !== 0) {
      values.push(0);
      columns.push(0);
    }
  };
  for (let p = 0; p < places_P.length; p++) {
    const place = places_P[p]!;
    const row = Math.floor(place / all);
    const column = place - row * all;
    if (column < from || column >= to) continue;
    if (rows.length > 0 && rows.at(-1) !== row) fill();
    if (values.length % GROUP === 0) rows.push(row);
    values.push(values_P[p]!);
    columns.push(column - from);
  }
  // Tensors without elements are a case of their own for many ops: one group of nothing is not.
  if (rows.length === 0) {
    rows.push(0);
    values.push(0);
    columns.push(0);
  }
  fill();
  const groups = rows.length;
  return {
    features: to - from,
    values_GW: tf.tensor2d(Float32Array.from(values), [groups, GROUP]),
    columns_GW: tf.tensor2d(Int32Array.from(columns), [groups, GROUP], 'int32'),
    rows_G: tf.tensor1d(Int32Array.from(rows), 'int32'),
  };
}

/** Of the decoder's rows, gathered at a time: 8 MB stay in the cache until they are multiplied. */
const GATHERED_NUMBERS = 2 * 2 ** 20;

/** values_GW where the kept features are, 0 elsewhere: [B, F]. */
export function spread(
  { features: F, columns_GW, rows_G }: KeptFeatures,
  values_GW: tf.Tensor2D,
  B: number,
): tf.Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const starts_G = rows_G ? rows_G.mul(tf.scalar(F, 'int32')) : tf.range(0, B * F, F, 'int32');
    const places_P1 = columns_GW.add(starts_G.expandDims(1)).reshape([columns_GW.size, 1]);
    return tf.scatterND(places_P1, values_GW.flatten(), [B * F]).reshape<tf.Tensor2D>([B, F]);
  });
}

/** <row of the decoder, gradient> for each kept feature: [G, W]. */
export function decoderProducts(
  { columns_GW, rows_G }: KeptFeatures,
  decoder_FD: tf.Tensor2D,
  gradient_BD: tf.Tensor2D,
): tf.Tensor2D {
  const tf = tensorflow();
  const [G, W] = columns_GW.shape;
  const D = decoder_FD.shape[1];
  const parts = rowChunks(G, W * D, GATHERED_NUMBERS).map(([start, groups]) =>
    tf.tidy(() => {
      const columns_P = columns_GW.slice([start, 0], [groups, W]).reshape<tf.Tensor1D>([groups * W]);
      const rows_GWD = tf.gather(decoder_FD, columns_P).reshape<tf.Tensor3D>([groups, W, D]);
      const gradient_GD = rows_G
        ? tf.gather(gradient_BD, rows_G.slice([start], [groups]))
        : gradient_BD.slice([start, 0], [groups, D]);
      // A sixth faster than rows_GWD times a column.
      return tf
        .matMul(gradient_GD.reshape<tf.Tensor3D>([groups, 1, D]), rows_GWD, false, true)
        .reshape<tf.Tensor2D>([groups, W]);
    }),
  );
  return joinRows(parts);
}
