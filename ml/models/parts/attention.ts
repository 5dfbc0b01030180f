import type * as tf from '@tensorflow/tfjs';
import { differentiable } from '../../engine/differentiable.ts';
import { tensorflow } from '../../engine/engine.ts';
import {
  add,
  batchMatMul,
  concat,
  matMul,
  mul,
  reshape,
  softmax,
  split,
  stack,
  sub,
  sumLast,
  transpose,
  unstack,
} from '../../engine/untaped.ts';

/**
 * Multi-head attention (Vaswani et al. 2017, eq. 1) with rotary positions, from the packed projection of GPT-NeoX to
 * the concatenated heads:
 *
 *   q, k = rotate(q) / sqrt(h), rotate(k)       P = softmax(q k^T + bias)       y = P v
 *
 * The backward pass is written out, so that it keeps q, k, v and P and none of the steps between.
 */
export interface PositionTables {
  /** cos and sin for q (already divided by sqrt(h)) and for k: [2, B or 1, 1, T, h]. */
  cos: tf.Tensor;
  sin: tf.Tensor;
  /** P of rotary.ts: [h, h]. */
  swap: tf.Tensor2D;
}

/** What every key adds to the scores of every query: 0 or a large negative number, [B or 1, 1, Tq, Tk]. */
export type AttentionBias = tf.Tensor4D;

export interface Heads {
  batch: number;
  positions: number;
  heads: number;
  headSize: number;
}

/** qkv_N3D -> y_ND, N = B T; in qkv the heads lie one after the other, each as (q, k, v). Differentiable in qkv. */
export function attention(
  qkv_N3D: tf.Tensor2D,
  shape: Heads,
  tables: PositionTables,
  bias: AttentionBias | null,
): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([qkv_N3D], () => {
    const { q_BHTh, k_BHTh, v_BHTh } = rotatedHeads(qkv_N3D, shape, tables);
    const probabilities_BHTT = attentionWeights(q_BHTh, k_BHTh, bias);
    return {
      value: joinHeads(batchMatMul(probabilities_BHTT, v_BHTh), shape),
      // The tables of padded rows belong to the pass, which is over when the gradient runs: they are saved with the rest.
      saved: [q_BHTh, k_BHTh, v_BHTh, probabilities_BHTT, tables.cos, tables.sin],
      gradient: (dy_ND, saved) => [attentionGradient(dy_ND, saved, shape, tables.swap)],
    };
  });
}

/** P = softmax(q k^T + bias): [B, H, Tq, Tk]. */
export function attentionWeights(
  q_BHTh: tf.Tensor,
  k_BHTh: tf.Tensor,
  bias: AttentionBias | null,
): tf.Tensor {
  const scores_BHTT = batchMatMul(q_BHTh, k_BHTh, false, true);
  return softmax(bias ? add(scores_BHTT, bias) : scores_BHTT);
}

/** Splits the packed projection and turns q and k to their positions: each [B, H, T, h]. */
export function rotatedHeads(
  qkv_N3D: tf.Tensor2D,
  { batch, positions, heads, headSize }: Heads,
  tables: PositionTables,
): { q_BHTh: tf.Tensor; k_BHTh: tf.Tensor; v_BHTh: tf.Tensor } {
  const parts_3BHTh = transpose(reshape(qkv_N3D, [batch, positions, heads, 3, headSize]), [3, 0, 2, 1, 4]);
  const [qk_2BHTh, v_1BHTh] = split(parts_3BHTh, [2, 1], 0);
  const swapped = swapHalves(qk_2BHTh, tables.swap);
  const [q_BHTh, k_BHTh] = unstack(add(mul(qk_2BHTh, tables.cos), mul(swapped, tables.sin)));
  return { q_BHTh, k_BHTh, v_BHTh: reshape(v_1BHTh, [batch, heads, positions, headSize]) };
}

/** y_BHTh -> y_ND. */
export function joinHeads(y_BHTh: tf.Tensor, { batch, positions, heads, headSize }: Heads): tf.Tensor2D {
  // With one position the heads lie in order already.
  const ordered = positions === 1 ? y_BHTh : transpose(y_BHTh, [0, 2, 1, 3]);
  return reshape(ordered, [batch * positions, heads * headSize]) as tf.Tensor2D;
}

const LAST_TWO = [0, 1, 3, 2];

type Six = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];

function attentionGradient(
  dy_ND: tf.Tensor2D,
  saved: tf.Tensor[],
  shape: Heads,
  swap: tf.Tensor2D,
): tf.Tensor2D {
  const { batch, positions, heads, headSize } = shape;
  const [q, k, v, p, cos, sin] = saved as Six;
  const dy_BHTh = transpose(reshape(dy_ND, [batch, positions, heads, headSize]), [0, 2, 1, 3]);
  // TensorFlow multiplies batches of transposed matrices at a third of the speed: transposing first is cheaper.
  const dv_BHTh = batchMatMul(transpose(p, LAST_TWO), dy_BHTh);
  const pdp_BHTT = mul(batchMatMul(dy_BHTh, v, false, true), p);
  const dscores_BHTT = sub(pdp_BHTT, mul(p, sumLast(pdp_BHTT)));
  const dqk_2BHTh = stack(batchMatMul(dscores_BHTT, k), batchMatMul(transpose(dscores_BHTT, LAST_TWO), q));
  const unswapped = swapHalves(mul(dqk_2BHTh, sin), swap, true);
  const drotated_2BHTh = add(mul(dqk_2BHTh, cos), unswapped);
  const all_3BHTh = concat(drotated_2BHTh, reshape(dv_BHTh, [1, batch, heads, positions, headSize]), 0);
  return reshape(transpose(all_3BHTh, [1, 3, 2, 0, 4]), [
    batch * positions,
    3 * heads * headSize,
  ]) as tf.Tensor2D;
}

function swapHalves(x: tf.Tensor, swap: tf.Tensor2D, transposed = false): tf.Tensor {
  const headSize = swap.shape[0];
  return reshape(matMul(reshape(x, [x.size / headSize, headSize]), swap, false, transposed), x.shape);
}

/** Large enough to vanish in the softmax, small enough to stay finite when two of them add up. */
const NEVER = -1e9;

/** A query sees the keys at its own position and before; the queries are the last of the keys' positions. [1, 1, Tq, Tk] */
export function causalBias(queries: number, keys: number): AttentionBias {
  const values = new Float32Array(queries * keys);
  for (let query = 0; query < queries; query++) {
    values.fill(NEVER, query * keys + keys - queries + query + 1, (query + 1) * keys);
  }
  return tensorflow().tensor4d(values, [1, 1, queries, keys]);
}

/** Hides the keys that lie `window` or more positions before a query: [1, 1, Tq, Tk]. */
export function windowBias(queries: number, keys: number, window: number): AttentionBias {
  const values = new Float32Array(queries * keys);
  for (let query = 0; query < queries; query++) {
    values.fill(NEVER, query * keys, query * keys + Math.max(0, keys - queries + query - window + 1));
  }
  return tensorflow().tensor4d(values, [1, 1, queries, keys]);
}

/** Hides padded keys: mask (1 = real, row-major [B, Tk]) -> [B, 1, 1, Tk]. */
export function paddingBias(mask: ArrayLike<number>, batch: number, keys: number): AttentionBias {
  const values = new Float32Array(batch * keys);
  for (let i = 0; i < values.length; i++) if (!mask[i]) values[i] = NEVER;
  return tensorflow().tensor4d(values, [batch, 1, 1, keys]);
}
