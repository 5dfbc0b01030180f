import type * as tf from '@tensorflow/tfjs';
import { gradients } from '../engine/gradients.ts';
import { weighedCrossEntropy } from '../engine/weighed-cross-entropy.ts';
import type { LanguageModel } from '../models/types.ts';
import { sumGradients } from '../training/sum-gradients.ts';
import { completionRows } from './completion-rows.ts';
import { type DpoLoss, type DpoLossOptions, dpoLoss, pairLoss, pairOf, total } from './dpo-loss.ts';
import { isAcrossPairs } from './dpo-losses/dpo-losses.ts';
import { type LogProbsOfPairs, sequenceLogProbs, sumsOfRuns, tokensOfPairs } from './log-probs.ts';
import type { TokenPair } from './token-pairs.ts';

export interface DpoLearner {
  policy: LanguageModel;
  /** What to differentiate by: parameters of the policy, by name. */
  differentiated: ReadonlyMap<string, tf.Variable>;
  padId: number;
  /** The most pairs with gradients in memory at once. */
  microBatch: number;
}

/**
 * The loss of a batch of pairs and its gradients in `differentiated`, by their names. The caller frees the gradients.
 *
 * Logits are made once, at completion tokens, some pairs at a time: as soon as those of a pair are there, its two
 * log-probabilities give the derivative of the loss, by which its part of the gradient is weighed. Losses that compare
 * pairs with each other need all log-probabilities first, by one pass more.
 *
 * @param reference log-probabilities under the reference, one entry a pair of `pairs`
 */
export function dpoGradients(
  learner: DpoLearner,
  pairs: readonly TokenPair[],
  reference: LogProbsOfPairs,
  options: DpoLossOptions,
): { loss: DpoLoss; gradients: Map<string, tf.Tensor> } {
  const { policy, differentiated, padId, microBatch } = learner;
  const tokens = tokensOfPairs(pairs);
  const logProbs = { chosen: new Float64Array(pairs.length), rejected: new Float64Array(pairs.length) };
  const batch = { policy: logProbs, reference, tokens };
  const derivatives = derivativesOf(learner, pairs, batch, options);
  let sums: Map<string, tf.Tensor> | null = null;
  for (let start = 0; start < pairs.length; start += microBatch) {
    const part = pairs.slice(start, start + microBatch);
    const { value, grads } = gradients(() => {
      const sequences = part.flatMap(({ chosen, rejected }) => [chosen, rejected]);
      const { hidden_ND, labels_N, lengths } = completionRows(policy, sequences, padId);
      const sides = part.map((_, i) => [lengths[2 * i] as number, lengths[2 * i + 1] as number] as const);
      return weighedCrossEntropy(hidden_ND, policy.unembedding, labels_N, {
        sizes: sides.map(([chosen, rejected]) => chosen + rejected),
        weigh(losses, g) {
          const side = sides[g] as readonly [number, number];
          const place = start + g;
          const [chosen, rejected] = sumsOfRuns(losses, side) as unknown as [number, number];
          logProbs.chosen[place] = chosen;
          logProbs.rejected[place] = rejected;
          const slopes = derivatives(place);
          // Losses are minus log-probabilities.
          const weights = new Float32Array(losses.length).fill(-slopes.rejected);
          return weights.fill(-slopes.chosen, 0, side[0]);
        },
      });
    }, differentiated);
    value.dispose();
    sums = sumGradients(sums, grads);
  }
  return { loss: dpoLoss(batch, options), gradients: sums ?? new Map() };
}

/** Of a pair whose log-probabilities stand in `batch`: the derivatives of the batch's loss in them. */
function derivativesOf(
  { policy, padId, microBatch }: DpoLearner,
  pairs: readonly TokenPair[],
  batch: Parameters<typeof dpoLoss>[0],
  options: DpoLossOptions,
): (place: number) => { chosen: number; rejected: number } {
  const { loss } = options;
  if (!isAcrossPairs(loss)) {
    const ofPair = pairLoss({ ...options, loss }, pairs.length, total(batch.tokens.chosen));
    return (place) => ofPair(pairOf(batch, place));
  }
  const known = { chosen: new Float64Array(pairs.length), rejected: new Float64Array(pairs.length) };
  for (let start = 0; start < pairs.length; start += microBatch) {
    const part = pairs.slice(start, start + microBatch);
    for (const side of ['chosen', 'rejected'] as const) {
      const sequences = part.map((pair) => pair[side]);
      known[side].set(sequenceLogProbs(policy, sequences, padId), start);
    }
  }
  const { gradients } = dpoLoss({ ...batch, policy: known }, options);
  return (place) => ({
    chosen: gradients.chosen[place] as number,
    rejected: gradients.rejected[place] as number,
  });
}
