import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { forChunks } from '../engine/linear-cross-entropy.ts';
import { exp, mul, sumLast } from '../engine/untaped.ts';
import type { LanguageModel } from '../models/types.ts';
import { completionRows } from './completion-rows.ts';
import { logProbBatches, sumsOfRuns } from './log-probs.ts';
import type { TokenPair, TokenSequence } from './token-pairs.ts';

/** Of one completion under a model: sums over its tokens. */
export interface CompletionSums {
  logProb: number;
  /** Entropy of the next-token distribution, in nats. */
  entropy: number;
  /** Mean logit over the vocabulary. */
  logit: number;
  /** Tokens that were the most probable ones. */
  right: number;
}

/** What is measured of pairs that training leaves out: both completions of each. */
export interface PairSums {
  chosen: CompletionSums[];
  rejected: CompletionSums[];
}

/** One pass over the pairs, `size` at a time; `progress` is called after each. */
export function measurePairs(
  model: LanguageModel,
  pairs: readonly TokenPair[],
  { padId, size, progress }: { padId: number; size: number; progress?: () => void },
): PairSums {
  const sums: PairSums = { chosen: new Array(pairs.length), rejected: new Array(pairs.length) };
  const all = Int32Array.from(pairs.keys());
  for (const batch of logProbBatches(pairs, all, size)) {
    const of = (side: 'chosen' | 'rejected') =>
      Array.from(batch, (i): TokenSequence => (pairs[i] as TokenPair)[side]);
    const measured = measureSequences(model, [...of('chosen'), ...of('rejected')], padId);
    for (const [b, i] of batch.entries()) {
      sums.chosen[i] = measured[b] as CompletionSums;
      sums.rejected[i] = measured[batch.length + b] as CompletionSums;
    }
    progress?.();
  }
  return sums;
}

export function measureSequences(
  model: LanguageModel,
  sequences: readonly TokenSequence[],
  padId: number,
): CompletionSums[] {
  const tf = tensorflow();
  const rows: Record<'loss' | 'entropy' | 'logit' | 'right', Float32Array[]> = {
    loss: [],
    entropy: [],
    logit: [],
    right: [],
  };
  let lengths: number[] = [];
  tf.tidy(() => {
    const completions = completionRows(model, sequences, padId);
    lengths = completions.lengths;
    rows.logit.push(meanLogits(completions.hidden_ND, model.unembedding));
    forChunks(
      completions.hidden_ND,
      model.unembedding,
      completions.labels_N,
      ({ start, size, logp_CV, loss_C }) => {
        const labels_C = completions.labels_N.slice(start, size);
        rows.loss.push(loss_C.dataSync() as Float32Array);
        rows.entropy.push(entropyOf(logp_CV));
        rows.right.push(logp_CV.argMax(1).equal(labels_C).toFloat().dataSync() as Float32Array);
      },
    );
  });
  const [logProb, entropy, logit, right] = (['loss', 'entropy', 'logit', 'right'] as const).map((name) =>
    sumsOfRuns(
      rows[name].flatMap((chunk) => Array.from(chunk)),
      lengths,
    ),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array];
  return lengths.map((_, i) => ({
    // As the reference's are kept, so that a policy beside itself differs from itself by nothing.
    logProb: Math.fround(logProb[i] as number),
    entropy: -(entropy[i] as number),
    logit: -(logit[i] as number),
    right: -(right[i] as number),
  }));
}

function entropyOf(logp_CV: tf.Tensor): Float32Array {
  const p_CV = exp(logp_CV);
  const product_CV = mul(p_CV, logp_CV);
  p_CV.dispose();
  const entropy_C1 = mul(sumLast(product_CV), -1);
  product_CV.dispose();
  return entropy_C1.dataSync() as Float32Array;
}

/** The mean over the vocabulary of hidden W^T is hidden times the mean row of W. */
const meanLogits = (hidden_ND: tf.Tensor2D, w_VD: tf.Tensor2D): Float32Array =>
  hidden_ND.mul(w_VD.mean(0)).sum(1).dataSync() as Float32Array;
