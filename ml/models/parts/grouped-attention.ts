import type * as tf from '@tensorflow/tfjs';
import { differentiable } from '../../engine/differentiable.ts';
import {
  add,
  batchMatMul,
  matMul,
  mul,
  reshape,
  softmax,
  sub,
  sumLast,
  transpose,
  unstack,
} from '../../engine/untaped.ts';
import type { AttentionBias, PositionTables } from './attention.ts';
import type { LayerCache } from './key-value-cache.ts';

/**
 * Attention over separate projections, with fewer key heads than query heads where the model has them (grouped-query
 * attention: Ainslie et al. 2023, arXiv 2305.13245; with one key head, multi-query attention: Shazeer 2019):
 *
 *   P = softmax(turn(q) turn(k)^T + bias)       y = P v       query head i reads key head floor(i K / H)
 *
 * `turn` rotates q and k to their positions, or scales q alone. The queries that share a key head are multiplied with it
 * as one matrix [G T, h], so that keys and values are never repeated in memory.
 */
export interface GroupedHeads {
  batch: number;
  positions: number;
  /** H, a multiple of `keyHeads`. */
  heads: number;
  /** K. */
  keyHeads: number;
  headSize: number;
}

/** What is done to q and k before they meet: rotary tables, whose q half holds 1 / sqrt(h), or a factor on q. */
export type Turn = PositionTables | { scale: number };

/** q_NA, k_NC, v_NC -> y_NA with N = B T, A = H h, C = K h. Differentiable in q, k and v unless there is a cache. */
export function groupedAttention(
  q_NA: tf.Tensor2D,
  k_NC: tf.Tensor2D,
  v_NC: tf.Tensor2D,
  shape: GroupedHeads,
  turn: Turn,
  bias: AttentionBias | null,
  cache?: LayerCache,
): tf.Tensor2D {
  const { heads, keyHeads } = shape;
  if (cache) {
    const { keys, values } = cache.extend(
      turnKeys(splitHeads(k_NC, shape, keyHeads), turn),
      splitHeads(v_NC, shape, keyHeads),
    );
    const q_BKGTh = groupQueries(turnQueries(splitHeads(q_NA, shape, heads), turn), shape);
    const probabilities = weights(q_BKGTh, keys, shape, bias);
    return joinHeads(batchMatMul(probabilities, values), shape, heads);
  }
  // The tables of padded rows belong to the pass, which may be over when the gradient runs: they are saved with the rest.
  const tables = 'scale' in turn ? [] : [turn.cos, turn.sin];
  return differentiable<tf.Tensor2D>([q_NA, k_NC, v_NC], () => {
    const q_BKGTh = groupQueries(turnQueries(splitHeads(q_NA, shape, heads), turn), shape);
    const k_BKTh = turnKeys(splitHeads(k_NC, shape, keyHeads), turn);
    const v_BKTh = splitHeads(v_NC, shape, keyHeads);
    const probabilities = weights(q_BKGTh, k_BKTh, shape, bias);
    return {
      value: joinHeads(batchMatMul(probabilities, v_BKTh), shape, heads),
      saved: [q_BKGTh, k_BKTh, v_BKTh, probabilities, ...tables],
      gradient: (dy_NA, saved) => {
        const [q, k, v, p, cos, sin] = saved as Six;
        const then = 'scale' in turn ? turn : { ...turn, cos, sin };
        return attentionGradient(dy_NA, { q, k, v, p }, shape, then);
      },
    };
  });
}

/** P, with the queries of a group as rows of one matrix: [B, K, G Tq, Tk]. */
function weights(
  q_BKGTh: tf.Tensor,
  k_BKTh: tf.Tensor,
  { heads, positions }: GroupedHeads,
  bias: AttentionBias | null,
): tf.Tensor {
  const scores = batchMatMul(q_BKGTh, k_BKTh, false, true);
  if (!bias) return softmax(scores);
  const [batch, , , keys] = scores.shape as [number, number, number, number];
  const byHead = add(reshape(scores, [batch, heads, positions, keys]), bias);
  return reshape(softmax(byHead), scores.shape);
}

type Six = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];

interface Saved {
  q: tf.Tensor;
  k: tf.Tensor;
  v: tf.Tensor;
  p: tf.Tensor;
}

const LAST_TWO = [0, 1, 3, 2];

function attentionGradient(
  dy_NA: tf.Tensor2D,
  { q, k, v, p }: Saved,
  shape: GroupedHeads,
  turn: Turn,
): tf.Tensor[] {
  const { batch, positions, heads, keyHeads, headSize } = shape;
  const dy_BKGTh = groupQueries(splitHeads(dy_NA, shape, heads), shape);
  const dv_BKTh = batchMatMul(transpose(p, LAST_TWO), dy_BKGTh);
  const pdp = mul(batchMatMul(dy_BKGTh, v, false, true), p);
  const dscores = sub(pdp, mul(p, sumLast(pdp)));
  const dq_BHTh = reshape(batchMatMul(dscores, k), [batch, heads, positions, headSize]);
  const dk_BKTh = batchMatMul(transpose(dscores, LAST_TWO), q);
  const [dq, dk] =
    'scale' in turn
      ? [turn.scale === 1 ? dq_BHTh : mul(dq_BHTh, turn.scale), dk_BKTh]
      : [unrotate(dq_BHTh, turn, 0), unrotate(dk_BKTh, turn, 1)];
  return [joinHeads(dq, shape, heads), joinHeads(dk, shape, keyHeads), joinHeads(dv_BKTh, shape, keyHeads)];
}

/** x_NA -> [B, H, T, h]. */
function splitHeads(x: tf.Tensor, { batch, positions, headSize }: GroupedHeads, heads: number): tf.Tensor {
  if (positions === 1 || heads === 1) return reshape(x, [batch, heads, positions, headSize]);
  return transpose(reshape(x, [batch, positions, heads, headSize]), [0, 2, 1, 3]);
}

/** [B, H, T, h], or with the queries of a group as rows of one matrix, -> [B T, H h]. */
function joinHeads(y: tf.Tensor, { batch, positions, headSize }: GroupedHeads, heads: number): tf.Tensor2D {
  const flat = [batch * positions, heads * headSize];
  if (positions === 1 || heads === 1) return reshape(y, flat) as tf.Tensor2D;
  const y_BHTh = reshape(y, [batch, heads, positions, headSize]);
  return reshape(transpose(y_BHTh, [0, 2, 1, 3]), flat) as tf.Tensor2D;
}

/** [B, H, T, h] -> [B, K, G T, h]. */
function groupQueries(
  q_BHTh: tf.Tensor,
  { batch, positions, heads, keyHeads, headSize }: GroupedHeads,
): tf.Tensor {
  if (heads === keyHeads) return q_BHTh;
  return reshape(q_BHTh, [batch, keyHeads, (heads / keyHeads) * positions, headSize]);
}

function turnQueries(q_BHTh: tf.Tensor, turn: Turn): tf.Tensor {
  if ('scale' in turn) return turn.scale === 1 ? q_BHTh : mul(q_BHTh, turn.scale);
  return rotate(q_BHTh, turn, 0);
}

const turnKeys = (k_BKTh: tf.Tensor, turn: Turn): tf.Tensor =>
  'scale' in turn ? k_BKTh : rotate(k_BKTh, turn, 1);

/** x cos + (x P) sin, by the tables of q (0) or k (1). */
function rotate(x_BHTh: tf.Tensor, tables: PositionTables, which: 0 | 1): tf.Tensor {
  const [cos, sin] = [unstack(tables.cos)[which], unstack(tables.sin)[which]];
  return add(mul(x_BHTh, cos), mul(swapHalves(x_BHTh, tables.swap), sin));
}

/** The transpose of `rotate`: dx = dy cos + (dy sin) P^T. */
function unrotate(dy_BHTh: tf.Tensor, tables: PositionTables, which: 0 | 1): tf.Tensor {
  const [cos, sin] = [unstack(tables.cos)[which], unstack(tables.sin)[which]];
  return add(mul(dy_BHTh, cos), swapHalves(mul(dy_BHTh, sin), tables.swap, true));
}

function swapHalves(x: tf.Tensor, swap: tf.Tensor2D, transposed = false): tf.Tensor {
  const headSize = swap.shape[0];
  return reshape(matMul(reshape(x, [x.size / headSize, headSize]), swap, false, transposed), x.shape);
}
