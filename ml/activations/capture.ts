import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { Hook, LanguageModel } from '../models/types.ts';
import { type CaptureItem, type Place, rowsOf } from './types.ts';

export interface CaptureOptions {
  model: LanguageModel;
  places: readonly Place[];
  /** Sequences run at once. */
  batch: number;
  /** Fills the ends of shorter sequences. They are never kept unless an item holds padding itself. */
  padId: number;
}

/**
 * Runs the model on the items, once for all places and no further than the deepest of them, and returns each place's kept
 * activations in the items' order: [sum of rowsOf(item), D].
 *
 * Sequences of like length run together. Padding stands at the end, where a causal model cannot see it, so it needs no mask.
 * @throws ComputeError nan-activations
 */
export function captureItems(items: readonly CaptureItem[], options: CaptureOptions): Float32Array[] {
  const { model, places, batch } = options;
  const D = model.width;
  const firstRow = new Int32Array(items.length + 1);
  items.forEach((item, i) => {
    firstRow[i + 1] = firstRow[i]! + rowsOf(item);
  });
  const captured = places.map(() => new Float32Array(firstRow[items.length]! * D));
  const byLength = items
    .map((_, i) => i)
    .sort((a, b) => items[a]!.ids.length - items[b]!.ids.length || a - b);
  for (let start = 0; start < byLength.length; start += batch) {
    const members = byLength.slice(start, start + batch);
    const group = members.map((i) => items[i]!);
    runGroup(group, options).forEach((acts_RD, place) => {
      let row = 0;
      group.forEach((item, g) => {
        const rows_RD = acts_RD.subarray(row * D, (row + item.to - item.from) * D);
        const kept_RD = item.pooled ? meanRow(rows_RD, D) : rows_RD;
        captured[place]!.set(kept_RD, firstRow[members[g]!]! * D);
        row += item.to - item.from;
      });
    });
  }
  return captured;
}

/** One forward pass; each place's activations at the positions [from, to) of each item, not pooled yet. */
function runGroup(
  group: readonly CaptureItem[],
  { model, places, padId }: CaptureOptions,
): readonly Float32Array[] {
  const tf = tensorflow();
  const T = Math.max(...group.map((item) => item.ids.length));
  const ids = new Int32Array(group.length * T).fill(padId);
  const kept: number[] = [];
  group.forEach((item, b) => {
    ids.set(item.ids, b * T);
    for (let t = item.from; t < item.to; t++) kept.push(b * T + t);
  });
  const captured: Float32Array[] = [];
  tf.tidy(() => {
    const kept_R = tf.tensor1d(kept, 'int32');
    const hooks = places.map(
      ({ site, layer }, i): Hook => ({
        site,
        layer,
        run(acts_BTD: tf.Tensor3D) {
          captured[i] = rowsAt(acts_BTD, kept_R, layer);
          return undefined;
        },
      }),
    );
    model.observe(tf.tensor2d(ids, [group.length, T], 'int32'), hooks);
  });
  return captured;
}

function rowsAt(acts_BTD: tf.Tensor3D, kept_R: tf.Tensor1D, layer: number): Float32Array {
  const [B, T, D] = acts_BTD.shape;
  const rows = dataOf(() => tensorflow().gather(acts_BTD.reshape([B * T, D]), kept_R));
  let sum = 0;
  for (let i = 0; i < rows.length; i++) sum += rows[i]!;
  if (!Number.isFinite(sum)) {
    throw new ComputeError('nan-activations', `The activations of layer ${layer} are not finite numbers`, {
      hint: 'look at the step that made the model: its training diverged, or its weights are damaged',
    });
  }
  return rows;
}

function meanRow(rows_RD: Float32Array, D: number): Float32Array {
  const count = rows_RD.length / D;
  return Float32Array.from({ length: D }, (_, d) => {
    let sum = 0;
    for (let row = 0; row < count; row++) sum += rows_RD[row * D + d]!;
    return sum / count;
  });
}
