import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linearCrossEntropyRows } from '../engine/linear-cross-entropy.ts';
import type { LanguageModel } from '../models/types.ts';
import { completionRows } from './completion-rows.ts';
import { completionLength, type TokenPair, type TokenSequence } from './token-pairs.ts';

/** Summed log-probabilities of both completions of every pair, as float32; NaN where a pair was not asked for. */
export interface LogProbsOfPairs {
  chosen: Float32Array;
  rejected: Float32Array;
}

export const noLogProbs = (pairs: number): LogProbsOfPairs => ({
  chosen: new Float32Array(pairs).fill(Number.NaN),
  rejected: new Float32Array(pairs).fill(Number.NaN),
});

/** Summed log-probability of each completion, in one pass without gradients; logits at completion tokens only. */
export function sequenceLogProbs(
  model: LanguageModel,
  sequences: readonly TokenSequence[],
  padId: number,
): Float64Array {
  let lengths: number[] = [];
  const losses = dataOf(() =>
    // As one tidy: nothing of the trunk is kept for a backward pass.
    tensorflow().tidy(() => {
      const rows = completionRows(model, sequences, padId);
      lengths = rows.lengths;
      return linearCrossEntropyRows(rows.hidden_ND, model.unembedding, rows.labels_N);
    }),
  );
  return sumsOfRuns(losses, lengths);
}

/** -1 times the sum of each run of losses. */
export function sumsOfRuns(losses: ArrayLike<number>, lengths: readonly number[]): Float64Array {
  let n = 0;
  return Float64Array.from(lengths, (length) => {
    let sum = 0;
    for (let t = 0; t < length; t++) sum -= losses[n++] as number;
    return sum;
  });
}

/**
 * The batches in which log-probabilities of pairs are computed: `size` pairs each, of similar length. They depend on the
 * pairs alone, so that what is computed once and what is computed anew are the same numbers.
 */
export function logProbBatches(
  pairs: readonly TokenPair[],
  wanted: ArrayLike<number>,
  size: number,
): Int32Array[] {
  const length = (i: number) => {
    const { chosen, rejected } = pairs[i] as TokenPair;
    return Math.max(chosen.ids.length, rejected.ids.length);
  };
  const order = Int32Array.from(wanted).sort((i, j) => length(i) - length(j) || i - j);
  const batches: Int32Array[] = [];
  for (let from = 0; from < order.length; from += size) batches.push(order.slice(from, from + size));
  return batches;
}

/** Computes the log-probabilities of the pairs numbered `batch` and writes them in their places of `into`. */
export function fillLogProbs(
  model: LanguageModel,
  pairs: readonly TokenPair[],
  batch: Int32Array,
  padId: number,
  into: LogProbsOfPairs,
): void {
  const chosen = Array.from(batch, (i) => (pairs[i] as TokenPair).chosen);
  const rejected = Array.from(batch, (i) => (pairs[i] as TokenPair).rejected);
  const sums = sequenceLogProbs(model, [...chosen, ...rejected], padId);
  for (const [b, i] of batch.entries()) {
    into.chosen[i] = sums[b] as number;
    into.rejected[i] = sums[batch.length + b] as number;
  }
}

/** Completion tokens of both sides of the pairs. */
export const tokensOfPairs = (pairs: readonly TokenPair[]) => ({
  chosen: pairs.map(({ chosen }) => completionLength(chosen)),
  rejected: pairs.map(({ rejected }) => completionLength(rejected)),
});
