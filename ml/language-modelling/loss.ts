import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linearCrossEntropy, linearCrossEntropyRows } from '../engine/linear-cross-entropy.ts';
import type { ForwardOptions, Hook, LanguageModel } from '../models/types.ts';
import { type Block, predictedTokens, takeWindows, type Windows } from './windows.ts';

/**
 * Next-token cross-entropy in nats, summed over the predicted tokens of windows [B, T + 1] and divided by `tokens`: their
 * mean, or the part that these windows have in the mean of a larger batch of so many tokens. Differentiable.
 * @param recompute see `ForwardOptions`
 */
export function nextTokenLoss(
  model: LanguageModel,
  block: Block,
  tokens: number = predictedTokens(block),
  recompute = false,
): tf.Scalar {
  const { hidden_ND, labels_N } = predictions(model, block, { recompute });
  const weights = new Float32Array(labels_N.size).fill(1 / tokens);
  const scored = scoredPredictions(block);
  if (scored) for (let i = 0; i < weights.length; i++) if (!scored[i]) weights[i] = 0;
  return linearCrossEntropy(hidden_ND, model.unembedding, labels_N, tensorflow().tensor1d(weights));
}

/** Mean loss of each window over its predicted tokens, `batch` at a time; with `hooks`, of the model as they change it. */
export function windowLosses(
  model: LanguageModel,
  windows: Windows,
  batch: number,
  hooks: readonly Hook[] = [],
): Float64Array {
  const { count, context } = windows;
  const losses = new Float64Array(count);
  for (let start = 0; start < count; start += batch) {
    const size = Math.min(batch, count - start);
    const block = takeWindows(
      windows,
      Int32Array.from({ length: size }, (_, i) => start + i),
    );
    const scored = scoredPredictions(block);
    const means = dataOf(() => {
      const { hidden_ND, labels_N } = predictions(model, block, { hooks });
      const loss_BT = linearCrossEntropyRows(hidden_ND, model.unembedding, labels_N).reshape([size, context]);
      if (!scored) return loss_BT.mean(1);
      const scored_BT = tensorflow().tensor2d(Float32Array.from(scored), [size, context]);
      return loss_BT.mul(scored_BT).sum(1).div(scored_BT.sum(1));
    });
    losses.set(means, start);
  }
  return losses;
}

/** Of each prediction [B, T], whether it counts. */
function scoredPredictions({ scored, rows }: Block): Uint8Array | null {
  if (!scored) return null;
  const width = scored.length / rows;
  return scored.filter((_, i) => i % width !== 0);
}

/** hidden_ND of all positions but the last of each window, and the token that follows each: N = B T. */
function predictions(
  model: LanguageModel,
  { tokens, rows: batch }: Block,
  options: ForwardOptions,
): { hidden_ND: tf.Tensor2D; labels_N: tf.Tensor1D } {
  const tf = tensorflow();
  const length = tokens.length / batch - 1;
  const read = new Int32Array(batch * length);
  const next = new Int32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    const start = row * (length + 1);
    read.set(tokens.subarray(start, start + length), row * length);
    next.set(tokens.subarray(start + 1, start + length + 1), row * length);
  }
  const hidden_BTD = model.forward(tf.tensor2d(read, [batch, length], 'int32'), options);
  return {
    hidden_ND: hidden_BTD.reshape([batch * length, model.width]),
    labels_N: tf.tensor1d(next, 'int32'),
  };
}
