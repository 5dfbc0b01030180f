import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { tensorflow } from './engine.ts';
import { gather, segmentSum } from './untaped.ts';

/**
 * Rows ids_N (int32) of table_VD: [N, D]. The gradient sums over repeated ids.
 * @param frozenId a row that gets no gradient from here, as `padding_idx` of PyTorch's nn.Embedding
 */
export function embed(
  table_VD: tf.Tensor2D,
  ids_N: tf.Tensor1D,
  frozenId: number | null = null,
): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([table_VD], () => ({
    value: gather(table_VD, ids_N) as tf.Tensor2D,
    saved: [ids_N],
    gradient: (dy_ND, [ids]) => [segmentSum(dy_ND, without(ids as tf.Tensor1D, frozenId), table_VD.shape[0])],
  }));
}

/** Sums over segments leave out rows with a negative id. */
function without(ids_N: tf.Tensor1D, id: number | null): tf.Tensor1D {
  if (id === null) return ids_N;
  const tf = tensorflow();
  return tf.where(ids_N.equal(id), tf.fill(ids_N.shape, -1, 'int32'), ids_N);
}
