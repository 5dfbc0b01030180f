import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { gradients } from '../engine/gradients.ts';
import { tokenLogProbs } from '../engine/token-log-probs.ts';
import type { LanguageModel } from '../models/types.ts';
import { packSequences, responseHidden, type Sequence } from './sequences.ts';

export interface PolicyLearner {
  policy: LanguageModel;
  /** What to differentiate by, by name. */
  differentiated: ReadonlyMap<string, tf.Variable>;
  padId: number;
}

/**
 * A loss of the N log-probabilities of response tokens and its gradients in `differentiated`, by their names. The caller
 * disposes of the gradients.
 *
 * The loss itself is computed in double precision; what TensorFlow differentiates is the linear function of the
 * log-probabilities that has the same gradient.
 */
export function policyGradients<Loss extends { gradients: { logProbs: Float32Array } }>(
  { policy, differentiated, padId }: PolicyLearner,
  sequences: readonly Sequence[],
  lossOf: (logProbs: ArrayLike<number>) => Loss,
): { loss: Loss; gradients: Map<string, tf.Tensor> } {
  const tf = tensorflow();
  const packed = packSequences(sequences, padId);
  let loss: Loss | undefined;
  const { value, grads } = gradients(() => {
    const logits_NV = policy.unembed(responseHidden(policy, packed));
    const logProbs_N = tokenLogProbs(logits_NV, tf.tensor1d(packed.labels, 'int32'));
    loss = lossOf(logProbs_N.dataSync());
    return tf.dot(logProbs_N, tf.tensor1d(loss.gradients.logProbs)).asScalar();
  }, differentiated);
  value.dispose();
  return { loss: loss as unknown as Loss, gradients: grads };
}
