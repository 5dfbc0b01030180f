import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { Hook, HookSite, LanguageModel } from '../models/types.ts';
import { type CaptureItem, rowsOf } from './types.ts';

export interface CaptureOptions {
  model: LanguageModel;
  layers: readonly number[];
  site: HookSite;
  /** Sequences run at once. */
  batch: number;
  /** Fills the ends of shorter sequences. They are never kept unless an item holds padding itself. */
  padId: number;
}

/**
 * Runs the model on the items, once for all layers and no further than the deepest of them, and returns each layer's kept
 * activations in the items' order: [sum of rowsOf(item), D].
 *
 * Sequences of like length run together. Padding stands at the end, where a causal model cannot see it, so it needs no mask.
 * @throws ComputeError nan-activations
 */
export function captureItems(
  items: readonly CaptureItem[],
  options: CaptureOptions,
): Map<number, Float32Array> {
  const { model, layers, batch } = options;
  const firstRow = new Int32Array(items.length + 1);
  items.forEach((item, i) => {
    firstRow[i + 1] = firstRow[i]! + rowsOf(item);
  });
  const total = firstRow[items.length]!;
  const captured = new Map(layers.map((layer) => [layer, new Float32Array(total * model.width)]));
  const byLength = items
    .map((_, i) => i)
    .sort((a, b) => items[a]!.ids.length - items[b]!.ids.length || a - b);
  for (let start = 0; start < byLength.length; start += batch) {
    const members = byLength.slice(start, start + batch);
    const group = members.map((i) => items[i]!);
    for (const [layer, acts_RD] of runGroup(group, options)) {
      let row = 0;
      group.forEach((item, g) => {
        const rows_RD = acts_RD.subarray(row * model.width, (row + item.to - item.from) * model.width);
        const kept_RD = item.pooled ? meanRow(rows_RD, model.width) : rows_RD;
        captured.get(layer)!.set(kept_RD, firstRow[members[g]!]! * model.width);
        row += item.to - item.from;
      });
    }
  }
  return captured;
}

/** One forward pass; each layer's activations at the positions [from, to) of each item, not pooled yet. */
function runGroup(
  group: readonly CaptureItem[],
  { model, layers, site, padId }: CaptureOptions,
): Map<number, Float32Array> {
  const tf = tensorflow();
  const T = Math.max(...group.map((item) => item.ids.length));
  const ids = new Int32Array(group.length * T).fill(padId);
  const kept: number[] = [];
  group.forEach((item, b) => {
    ids.set(item.ids, b * T);
    for (let t = item.from; t < item.to; t++) kept.push(b * T + t);
  });
  const captured = new Map<number, Float32Array>();
  tf.tidy(() => {
    const kept_R = tf.tensor1d(kept, 'int32');
    const hooks = layers.map(
      (layer): Hook => ({
        site,
        layer,
        run(acts_BTD: tf.Tensor3D) {
          captured.set(layer, rowsAt(acts_BTD, kept_R, layer));
          return undefined;
        },
      }),
    );
    model.forward(tf.tensor2d(ids, [group.length, T], 'int32'), {
      hooks,
      stopAfterLayer: Math.max(...layers),
    });
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
