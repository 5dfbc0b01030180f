import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOps, T_FLOAT } from './raw-op.ts';

const ATTRIBUTES = [T_FLOAT, attribute.type('Tlabels', 'int32')];

/**
 * Cross-entropy of each row: loss_N = logsumexp(logits_NV) - logits[label], labels_N int32 in [0, V).
 * TensorFlow's fused op gives the loss and softmax - onehot, its gradient, in one pass.
 */
export function crossEntropy(logits_NV: tf.Tensor2D, labels_N: tf.Tensor1D): tf.Tensor1D {
  if (!isNative()) return plainCrossEntropy(logits_NV, labels_N);
  return differentiable([logits_NV], () => {
    const [loss_N, gradient_NV] = rawOps(
      'SparseSoftmaxCrossEntropyWithLogits',
      ATTRIBUTES,
      [logits_NV, labels_N],
      2,
    );
    return {
      value: loss_N as tf.Tensor1D,
      saved: [gradient_NV as tf.Tensor],
      gradient: (dLoss_N, [gradient]) => [(gradient as tf.Tensor2D).mul(dLoss_N.expandDims(1))],
    };
  });
}

/** The same in TensorFlow.js' own ops. */
export function plainCrossEntropy(logits_NV: tf.Tensor2D, labels_N: tf.Tensor1D): tf.Tensor1D {
  const tf = tensorflow();
  const chosen_NV = tf.oneHot(labels_N, logits_NV.shape[1]);
  return tf.logSumExp(logits_NV, 1).sub(logits_NV.mul(chosen_NV).sum(1)) as tf.Tensor1D;
}
