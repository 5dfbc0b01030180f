import { type Divergence, divergenceScore } from './divergences.ts';
import { type DpoLossName, isAcrossPairs, pairwiseLoss } from './dpo-losses/dpo-losses.ts';
import { acrossPairsLosses } from './dpo-losses/sorted.ts';
import type { LossOptions, PairLogProbs } from './dpo-losses/types.ts';

/**
 * A loss of preferences over a batch of pairs, in double precision from summed completion log-probabilities, with its
 * gradient in those of the policy: models only have to carry it on. Definitions: dpo-losses/ and divergences.ts.
 */
export interface DpoLossOptions extends LossOptions {
  loss: DpoLossName;
  divergence: Divergence;
}

/** One entry a pair. */
export interface PreferenceBatch {
  policy: PairLogProbs;
  reference: PairLogProbs;
  /** Tokens of each completion. */
  tokens: PairLogProbs;
}

/** What TRL logs of a batch from log-probabilities, by its names. */
export interface PreferenceStats {
  /** Mean of beta d over chosen completions: the reward that the policy implies. */
  rewardChosen: number;
  rewardRejected: number;
  /** Mean of beta (d_c - d_r). */
  margin: number;
  /** Share of pairs with d_c > d_r. */
  accuracy: number;
  /** Mean summed log-probabilities under the policy. */
  logProbChosen: number;
  logProbRejected: number;
  /** Largest |d| of any completion: 0 before the first update of a policy that is its own reference. */
  largestLogRatio: number;
}

export interface DpoLoss {
  /** Mean over the pairs. */
  loss: number;
  /** d loss / d log-probabilities of the policy. */
  gradients: { chosen: Float64Array; rejected: Float64Array };
  stats: PreferenceStats;
}

export function dpoLoss(batch: PreferenceBatch, options: DpoLossOptions): DpoLoss {
  const { policy, reference } = batch;
  const pairs = policy.chosen.length;
  const gradients = { chosen: new Float64Array(pairs), rejected: new Float64Array(pairs) };
  let sum = 0;
  if (isAcrossPairs(options.loss)) {
    const { values, chosen, rejected } = acrossPairsLosses[options.loss](policy, reference, options);
    for (let i = 0; i < pairs; i++) {
      sum += values[i] as number;
      gradients.chosen[i] = (chosen[i] as number) / pairs;
      gradients.rejected[i] = (rejected[i] as number) / pairs;
    }
  } else {
    const ofPair = pairLoss({ ...options, loss: options.loss }, pairs, total(batch.tokens.chosen));
    for (let i = 0; i < pairs; i++) {
      const { value, chosen, rejected } = ofPair(pairOf(batch, i));
      sum += value;
      gradients.chosen[i] = chosen;
      gradients.rejected[i] = rejected;
    }
  }
  return { loss: sum / pairs, gradients, stats: preferenceStats(batch, options.beta) };
}

/** The numbers of one pair: p, q and n of both sides. */
export interface Pair {
  chosen: number;
  rejected: number;
  referenceChosen: number;
  referenceRejected: number;
  chosenTokens: number;
  rejectedTokens: number;
}

export const pairOf = ({ policy, reference, tokens }: PreferenceBatch, i: number): Pair => ({
  chosen: policy.chosen[i] as number,
  rejected: policy.rejected[i] as number,
  referenceChosen: reference.chosen[i] as number,
  referenceRejected: reference.rejected[i] as number,
  chosenTokens: tokens.chosen[i] as number,
  rejectedTokens: tokens.rejected[i] as number,
});

/**
 * The loss of one pair of a batch of `pairs` pairs whose chosen completions have `chosenTokens` tokens in all.
 * @returns its value, and the derivatives of the batch's loss (the mean) in the pair's log-probabilities
 */
export function pairLoss(
  options: DpoLossOptions & { loss: Parameters<typeof pairwiseLoss>[0] },
  pairs: number,
  chosenTokens: number,
): (pair: Pair) => { value: number; chosen: number; rejected: number } {
  const loss = pairwiseLoss(options.loss);
  return (pair) => {
    const [chosen, chosenSlope] = divergenceScore(options.divergence, pair.chosen - pair.referenceChosen);
    const [rejected, rejectedSlope] = divergenceScore(
      options.divergence,
      pair.rejected - pair.referenceRejected,
    );
    const scores = {
      chosen,
      rejected,
      chosenTokens: pair.chosenTokens,
      rejectedTokens: pair.rejectedTokens,
      chosenLogProb: pair.chosen,
      meanChosenTokens: chosenTokens / pairs,
    };
    const ofScores = loss(scores, options);
    // `sft` is a loss of the log-probability, whatever the divergence.
    const slope = options.loss === 'sft' ? 1 : chosenSlope;
    return {
      value: ofScores.value,
      chosen: (ofScores.chosen * slope) / pairs,
      rejected: (ofScores.rejected * rejectedSlope) / pairs,
    };
  };
}

export function preferenceStats(batch: PreferenceBatch, beta: number): PreferenceStats {
  const pairs = batch.policy.chosen.length;
  const sums = { rewardChosen: 0, rewardRejected: 0, right: 0, largest: 0 };
  for (let i = 0; i < pairs; i++) {
    const pair = pairOf(batch, i);
    const chosen = pair.chosen - pair.referenceChosen;
    const rejected = pair.rejected - pair.referenceRejected;
    sums.rewardChosen += beta * chosen;
    sums.rewardRejected += beta * rejected;
    sums.largest = Math.max(sums.largest, Math.abs(chosen), Math.abs(rejected));
    sums.right += Number(chosen > rejected);
  }
  return {
    rewardChosen: sums.rewardChosen / pairs,
    rewardRejected: sums.rewardRejected / pairs,
    margin: (sums.rewardChosen - sums.rewardRejected) / pairs,
    accuracy: sums.right / pairs,
    logProbChosen: total(batch.policy.chosen) / pairs,
    logProbRejected: total(batch.policy.rejected) / pairs,
    largestLogRatio: sums.largest,
  };
}

export function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum;
}
