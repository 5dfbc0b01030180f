import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../engine/engine.ts';
import { batchMatMul, concat } from '../../engine/untaped.ts';
import {
  type AttentionBias,
  attentionWeights,
  type Heads,
  joinHeads,
  type PositionTables,
  rotatedHeads,
} from './attention.ts';

/** Keys and values of one layer for all positions fed so far: [B, H, T, h]. */
export class LayerCache {
  private keys: tf.Tensor | null = null;
  private values: tf.Tensor | null = null;

  /** Adds the new positions; returns all. The cache owns what it returns. */
  extend(k_BHTh: tf.Tensor, v_BHTh: tf.Tensor): { keys: tf.Tensor; values: tf.Tensor } {
    const tf = tensorflow();
    const keys = tf.keep(this.keys ? concat(this.keys, k_BHTh, 2) : k_BHTh.clone());
    const values = tf.keep(this.values ? concat(this.values, v_BHTh, 2) : v_BHTh.clone());
    this.dispose();
    this.keys = keys;
    this.values = values;
    return { keys, values };
  }

  /** Goes on with these rows of the batch only. */
  keep(rows: tf.Tensor1D): void {
    const tf = tensorflow();
    const pick = (cached: tf.Tensor | null) => (cached ? tf.keep(tf.gather(cached, rows, 0)) : null);
    const [keys, values] = [pick(this.keys), pick(this.values)];
    this.dispose();
    this.keys = keys;
    this.values = values;
  }

  dispose(): void {
    this.keys?.dispose();
    this.values?.dispose();
    this.keys = null;
    this.values = null;
  }
}

/** `attention` over cached and new positions: qkv of the new ones, [B T, 3 D] -> [B T, D]. Not differentiable. */
export function cachedAttention(
  qkv_N3D: tf.Tensor2D,
  shape: Heads,
  tables: PositionTables,
  bias: AttentionBias | null,
  cache: LayerCache,
): tf.Tensor2D {
  const { q_BHTh, k_BHTh, v_BHTh } = rotatedHeads(qkv_N3D, shape, tables);
  const { keys, values } = cache.extend(k_BHTh, v_BHTh);
  return joinHeads(batchMatMul(attentionWeights(q_BHTh, keys, bias), values), shape);
}
