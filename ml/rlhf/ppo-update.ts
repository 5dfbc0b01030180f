import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { gradients } from '../engine/gradients.ts';
import { tokenLogProbs } from '../engine/token-log-probs.ts';
import type { LanguageModel } from '../models/types.ts';
import type { Critic } from './critic.ts';
import { entropy } from './distributions.ts';
import { type PpoLoss, type PpoLossOptions, ppoLoss } from './ppo-loss.ts';
import { packSequences, responseHidden, type Sequence } from './sequences.ts';

/** A mini-batch: sequences, and for each of their N response tokens what the rollout gave, row after row. */
export interface MiniBatch {
  sequences: readonly Sequence[];
  oldLogProbs: Float64Array;
  oldValues: Float64Array;
  advantages: Float64Array;
  returns: Float64Array;
}

export interface Learner {
  policy: LanguageModel;
  critic: Critic;
  /** What to differentiate by: parameters of policy and critic, by name. */
  differentiated: ReadonlyMap<string, tf.Variable>;
  padId: number;
  /** Called for every pass with gradients; see `ValueHead.values`. */
  dropped?: Parameters<Critic['values']>[2];
}

/**
 * The PPO loss of a mini-batch and its gradients in `differentiated`, by their names. The caller disposes of the gradients.
 *
 * The loss itself is computed in double precision from N log-probabilities, values and entropies; what TensorFlow
 * differentiates is the linear function of them that has the same gradient.
 */
export function ppoGradients(
  { policy, critic, differentiated, padId, dropped }: Learner,
  batch: MiniBatch,
  options: PpoLossOptions,
): { loss: PpoLoss; gradients: Map<string, tf.Tensor> } {
  const tf = tensorflow();
  const packed = packSequences(batch.sequences, padId);
  let loss: PpoLoss | undefined;
  const { value, grads } = gradients(() => {
    const hidden_ND = responseHidden(policy, packed);
    const logits_NV = policy.unembed(hidden_ND);
    const logProbs_N = tokenLogProbs(logits_NV, tf.tensor1d(packed.labels, 'int32'));
    const values_N = critic.values(hidden_ND, packed, dropped);
    const entropies_N = options.entropyBonus ? entropy(logits_NV) : null;
    loss = ppoLoss(
      {
        ...batch,
        logProbs: logProbs_N.dataSync(),
        values: values_N.dataSync(),
        ...(entropies_N && { entropies: entropies_N.dataSync() }),
      },
      options,
    );
    const policyPart = tf.dot(logProbs_N, tf.tensor1d(loss.gradients.logProbs));
    const total = policyPart.add(tf.dot(values_N, tf.tensor1d(loss.gradients.values)));
    return (entropies_N ? total.add(entropies_N.sum().mul(loss.gradients.entropies)) : total).asScalar();
  }, differentiated);
  value.dispose();
  return { loss: loss as unknown as PpoLoss, gradients: grads };
}
