import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';

/** Entropy of each row of logits, in nats: -sum_v p_v log p_v. */
export function entropy(logits_NV: tf.Tensor2D): tf.Tensor1D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const logProbs_NV = tf.logSoftmax(logits_NV);
    return logProbs_NV.exp().mul(logProbs_NV).sum(1).neg() as tf.Tensor1D;
  });
}

/**
 * Exact KL(p || q) of each row, in nats, from the logits of p and q: sum_v p_v (log p_v - log q_v). The `full` KL penalty
 * of TRL 0.7.11; summed along a sequence sampled from p, an unbiased estimate of the KL between the models with less
 * variance than any from the sampled tokens alone.
 */
export function fullKl(logits_NV: tf.Tensor2D, referenceLogits_NV: tf.Tensor2D): tf.Tensor1D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const logProbs_NV = tf.logSoftmax(logits_NV);
    const difference_NV = logProbs_NV.sub(tf.logSoftmax(referenceLogits_NV));
    return logProbs_NV.exp().mul(difference_NV).sum(1) as tf.Tensor1D;
  });
}
