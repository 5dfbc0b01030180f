import type * as tf from '@tensorflow/tfjs';
import { crossEntropy } from './cross-entropy.ts';

/** log p(label) of each row: log softmax(logits_NV)[label], labels_N int32. Differentiable in the logits. */
export function tokenLogProbs(logits_NV: tf.Tensor2D, labels_N: tf.Tensor1D): tf.Tensor1D {
  return crossEntropy(logits_NV, labels_N).neg();
}
