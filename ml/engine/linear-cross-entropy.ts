import type * as tf from '@tensorflow/tfjs';
import { intConstant } from './constants.ts';
import { differentiable } from './differentiable.ts';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOp } from './raw-op.ts';
import { add, exp, gather, logSoftmax, matMul, mul, segmentSum, slice, sub } from './untaped.ts';

/**
 * Cross-entropy through an unembedding, logits = hidden W^T, some rows at a time: the logits of all rows, for which a
 * large vocabulary needs gigabytes, never exist together. The gradients need no second pass over the vocabulary: they are
 * made beside the loss, up to the factor that the rest of the loss brings (the method of Liger, Hsu et al. 2024,
 * arXiv 2410.10989, section 3.2).
 *
 *   loss = sum_n w_n (logsumexp(logits_n) - logits_n[label_n])
 *   dhidden_n = w_n (p_n W - W[label_n])           dW = sum_n w_n (p_n - onehot(label_n)) hidden_n^T
 */
export function linearCrossEntropy(
  hidden_ND: tf.Tensor2D,
  w_VD: tf.Tensor2D,
  labels_N: tf.Tensor1D,
  weights_N: tf.Tensor1D,
): tf.Scalar {
  const vocabulary = w_VD.shape[0];
  return differentiable<tf.Scalar>([hidden_ND, w_VD], () => {
    const weights_N1 = weights_N.expandDims(1);
    const weighted_ND = mul(hidden_ND, weights_N1);
    let dw_VD = mul(segmentSum(weighted_ND, labels_N, vocabulary), -1);
    const losses: tf.Tensor[] = [];
    const pulls: tf.Tensor[] = [];
    forChunks(hidden_ND, w_VD, labels_N, (chunk) => {
      losses.push(chunk.loss_C);
      const p_CV = exp(chunk.logp_CV);
      pulls.push(matMul(p_CV, w_VD));
      const sum_VD = add(dw_VD, matMul(p_CV, slice(weighted_ND, chunk.start, chunk.size), true));
      dw_VD.dispose();
      dw_VD = sum_VD;
      p_CV.dispose();
    });
    const tf = tensorflow();
    const loss_N = tf.concat(losses, 0);
    const dhidden_ND = mul(sub(tf.concat(pulls, 0), gather(w_VD, labels_N)), weights_N1);
    return {
      value: mul(loss_N, weights_N).sum() as tf.Scalar,
      saved: [dhidden_ND, dw_VD],
      gradient: (dLoss, [dhidden, dw]) => [mul(dhidden as tf.Tensor, dLoss), mul(dw as tf.Tensor, dLoss)],
    };
  });
}

/** The cross-entropy of each row: loss_N. Not differentiable. */
export function linearCrossEntropyRows(
  hidden_ND: tf.Tensor2D,
  w_VD: tf.Tensor2D,
  labels_N: tf.Tensor1D,
): tf.Tensor1D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const losses: tf.Tensor[] = [];
    forChunks(hidden_ND, w_VD, labels_N, ({ loss_C }) => losses.push(loss_C));
    return tf.concat(losses, 0) as tf.Tensor1D;
  });
}

export interface Chunk {
  start: number;
  size: number;
  logp_CV: tf.Tensor;
  loss_C: tf.Tensor;
}

/** Rows at a time: enough for an efficient product, and for small vocabularies as many as stay in the cache. */
const FEWEST_ROWS = 256;
const CACHED_NUMBERS = 2 ** 20;

export const chunkRows = (vocabulary: number): number =>
  Math.max(FEWEST_ROWS, Math.floor(CACHED_NUMBERS / vocabulary));

/** Rows `start` to `start + size`, at most `most` at a time. */
export interface ChunkRange {
  start: number;
  size: number;
  most: number;
}

/** Log-probabilities and losses of the rows, chunk by chunk; they are freed when `use` returns. */
export function forChunks(
  hidden_ND: tf.Tensor2D,
  w_VD: tf.Tensor2D,
  labels_N: tf.Tensor1D,
  use: (chunk: Chunk) => void,
  range: ChunkRange = { start: 0, size: hidden_ND.shape[0], most: chunkRows(w_VD.shape[0]) },
): void {
  const end = range.start + range.size;
  for (let start = range.start; start < end; start += range.most) {
    const size = Math.min(range.most, end - start);
    // Not the `slice` of untaped.ts, which keeps a constant for every start and size: here they change from step to step.
    const logits_CV = matMul(hidden_ND.slice([start, 0], [size, -1]), w_VD, false, true);
    const logp_CV = logSoftmax(logits_CV);
    logits_CV.dispose();
    const loss_C = mul(pickColumns(logp_CV, labels_N.slice(start, size)), -1);
    use({ start, size, logp_CV, loss_C });
    logp_CV.dispose();
  }
}

const BY_ROW = [attribute.int('batch_dims', 1)];

/** x_NV[n, columns_N[n]]: [N]. */
function pickColumns(x_NV: tf.Tensor, columns_N: tf.Tensor1D): tf.Tensor {
  if (isNative()) return rawOp('GatherV2', BY_ROW, [x_NV, columns_N, intConstant(1)]);
  return x_NV.mul(tensorflow().oneHot(columns_N, x_NV.shape[1] as number)).sum(1);
}
