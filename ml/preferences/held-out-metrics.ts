import type { RandomStream } from '../random/stream.ts';
import { bootstrapMean } from '../stats/bootstrap.ts';
import { proportion } from '../stats/proportion.ts';
import type { Estimate } from '../stats/types.ts';
import { type DpoLossOptions, dpoLoss, total } from './dpo-loss.ts';
import type { CompletionSums, PairSums } from './held-out.ts';
import { type LogProbsOfPairs, tokensOfPairs } from './log-probs.ts';
import type { TokenPair } from './token-pairs.ts';

/** What is said of a model on held-out pairs, beside the reference. Definitions: the metrics of the kind rlhf.dpo. */
export type HeldOutMetric =
  | 'loss'
  | 'accuracy'
  | 'margin'
  | 'likelihood_accuracy'
  | 'log_prob_chosen'
  | 'log_prob_rejected'
  | 'entropy'
  | 'token_accuracy'
  | 'logit_chosen'
  | 'logit_rejected'
  | 'tokens';

export function heldOutMetrics(
  pairs: readonly TokenPair[],
  sums: PairSums,
  reference: LogProbsOfPairs,
  options: DpoLossOptions,
  draws: RandomStream,
): Record<HeldOutMetric, Estimate> {
  const n = pairs.length;
  const tokens = tokensOfPairs(pairs);
  const policy = { chosen: of(sums.chosen, 'logProb'), rejected: of(sums.rejected, 'logProb') };
  const { loss } = dpoLoss({ policy, reference, tokens }, options);
  const ratio = (side: 'chosen' | 'rejected', i: number) =>
    (policy[side][i] as number) - (reference[side][i] as number);
  const margins = pairs.map((_, i) => options.beta * (ratio('chosen', i) - ratio('rejected', i)));
  const likelihoods = pairs.map((_, i) => (policy.chosen[i] as number) - (policy.rejected[i] as number));
  const chosenTokens = total(tokens.chosen);
  const rejectedTokens = total(tokens.rejected);
  const perPair = (value: number): Estimate => ({ value, n, n_unit: 'pair' });
  const perToken = (value: number, count: number): Estimate => ({
    value: value / count,
    n: count,
    n_unit: 'token',
  });
  return {
    loss: perPair(loss),
    accuracy: shareAbove(margins),
    margin: bootstrapMean(margins, { stream: draws, unit: 'pair' }),
    likelihood_accuracy: shareAbove(likelihoods),
    log_prob_chosen: perPair(total(policy.chosen) / n),
    log_prob_rejected: perPair(total(policy.rejected) / n),
    entropy: perToken(
      total(of(sums.chosen, 'entropy')) + total(of(sums.rejected, 'entropy')),
      chosenTokens + rejectedTokens,
    ),
    token_accuracy: perToken(total(of(sums.chosen, 'right')), chosenTokens),
    logit_chosen: perToken(total(of(sums.chosen, 'logit')), chosenTokens),
    logit_rejected: perToken(total(of(sums.rejected, 'logit')), rejectedTokens),
    tokens: perPair(
      pairs.reduce((sum, { chosen, rejected }) => sum + chosen.ids.length + rejected.ids.length, 0) / n,
    ),
  };
}

const of = (sums: readonly CompletionSums[], key: keyof CompletionSums): Float64Array =>
  Float64Array.from(sums, (one) => one[key]);

/** Share of differences above 0, those of exactly 0 counted as a half: what guessing would get right. */
function shareAbove(differences: readonly number[]): Estimate {
  const right = differences.reduce((sum, x) => sum + (x > 0 ? 1 : x === 0 ? 0.5 : 0), 0);
  return proportion(right, differences.length, 'pair');
}
