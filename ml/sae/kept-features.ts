import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';

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
  rows_G: Int32Array | null;
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
    rows_G: Int32Array.from(rows),
  };
}

/** What rows `start` to before `start + rows` keep; rows then count from `start`. */
export function keptBy(kept: KeptFeatures, start: number, rows: number): KeptFeatures {
  const tf = tensorflow();
  const { features, values_GW, columns_GW, rows_G } = kept;
  const W = values_GW.shape[1];
  const [from, to] = rows_G
    ? [firstNotBelow(rows_G, start), firstNotBelow(rows_G, start + rows)]
    : [start, start + rows];
  if (from === to) return groupKept(new Float32Array(0), new Int32Array(0), features);
  return {
    features,
    values_GW: tf.slice(values_GW, [from, 0], [to - from, W]),
    columns_GW: tf.slice(columns_GW, [from, 0], [to - from, W]),
    rows_G: rows_G === null ? null : rows_G.subarray(from, to).map((row) => row - start),
  };
}

/** values_GW where the kept features are, 0 elsewhere: [B, F]. */
export function spread(kept: KeptFeatures, values_GW: tf.Tensor2D, B: number): tf.Tensor2D {
  const tf = tensorflow();
  const { features: F, columns_GW } = kept;
  return tf.tidy(() => {
    const places_GW = columns_GW.add<tf.Tensor2D>(rowsOf(kept).mul(tf.scalar(F, 'int32')).expandDims(1));
    return scattered(values_GW, places_GW, [B, F]);
  });
}

/** The same, transposed: [F, B]. */
export function spreadTransposed(kept: KeptFeatures, values_GW: tf.Tensor2D, B: number): tf.Tensor2D {
  const tf = tensorflow();
  const { features: F, columns_GW } = kept;
  return tf.tidy(() => {
    const places_GW = columns_GW
      .mul<tf.Tensor2D>(tf.scalar(B, 'int32'))
      .add<tf.Tensor2D>(rowsOf(kept).expandDims(1));
    return scattered(values_GW, places_GW, [F, B]);
  });
}

function rowsOf({ values_GW, rows_G }: KeptFeatures): tf.Tensor1D {
  const tf = tensorflow();
  return rows_G ? tf.tensor1d(rows_G, 'int32') : tf.range(0, values_GW.shape[0], 1, 'int32');
}

function scattered(values_GW: tf.Tensor2D, places_GW: tf.Tensor2D, shape: [number, number]): tf.Tensor2D {
  const places_P1 = places_GW.reshape([places_GW.size, 1]);
  const flat = tensorflow().scatterND(places_P1, values_GW.flatten(), [shape[0] * shape[1]]);
  return flat.reshape<tf.Tensor2D>(shape);
}

/** Index of the first entry of an ascending list that is not below `bound`. */
function firstNotBelow(ascending: Int32Array, bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
