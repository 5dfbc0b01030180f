import { logSigmoid, sigmoid } from './logistic.ts';
import type { PairwiseLoss } from './types.ts';

/**
 * Losses that divide by the tokens n of a completion, D = s_c / n_c - s_r / n_r:
 *
 *   ipo            (D - 1 / (2 beta))^2          Azar et al. 2023, arXiv 2310.12036, eq. 17, averaged over tokens as TRL does
 *   sigmoid-norm   -log sigma(beta D)            Lambert et al. 2024 (Tulu 3), arXiv 2411.15124
 *   sft            -log p_c a token of the chosen completions of the batch: plain next-token training, no reference
 */
const perToken =
  (loss: (difference: number, beta: number) => [value: number, slope: number]): PairwiseLoss =>
  ({ chosen, rejected, chosenTokens, rejectedTokens }, { beta }) => {
    const [value, slope] = loss(chosen / chosenTokens - rejected / rejectedTokens, beta);
    return { value, chosen: slope / chosenTokens, rejected: -slope / rejectedTokens };
  };

export const perTokenLosses = {
  ipo: perToken((difference, beta) => {
    const miss = difference - 1 / (2 * beta);
    return [miss * miss, 2 * miss];
  }),
  'sigmoid-norm': perToken((difference, beta) => [
    -logSigmoid(beta * difference),
    -beta * sigmoid(-beta * difference),
  ]),
  // Its mean over the pairs is the mean over their tokens.
  sft: ({ chosenLogProb, meanChosenTokens }) => ({
    value: -chosenLogProb / meanChosenTokens,
    chosen: -1 / meanChosenTokens,
    rejected: 0,
  }),
} satisfies Record<string, PairwiseLoss>;
