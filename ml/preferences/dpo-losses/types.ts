/**
 * What a loss of preferences sees of one pair. With p and q the summed log-probabilities of a completion under policy and
 * reference, its log-ratio is d = p - q; its score is d, or what a divergence other than the reverse KL makes of it
 * (divergences.ts).
 */
export interface PairScores {
  /** Scores of the two completions. */
  chosen: number;
  rejected: number;
  /** Tokens of each, at least 1. */
  chosenTokens: number;
  rejectedTokens: number;
  /** Summed log-probability of the chosen completion under the policy, and mean tokens of chosen ones in the batch: `sft`. */
  chosenLogProb: number;
  meanChosenTokens: number;
}

export interface LossOptions {
  /** How strongly the policy is held to the reference. Default 0.1. */
  beta: number;
  /** Chance that a label is wrong, as cdpo, robust, exo-pair and aot assume it. */
  labelSmoothing: number;
  /** Temperature of the blend of discopop. Default 0.05. */
  discopopTau: number;
}

/** A loss and its derivatives in the two log-ratios (or scores). */
export interface PairLoss {
  value: number;
  chosen: number;
  rejected: number;
}

export type PairwiseLoss = (pair: PairScores, options: LossOptions) => PairLoss;

/** Summed log-probabilities of a batch, one entry a pair. */
export interface PairLogProbs {
  chosen: ArrayLike<number>;
  rejected: ArrayLike<number>;
}
