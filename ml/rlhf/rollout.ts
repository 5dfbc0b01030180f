import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { tokenLogProbs } from '../engine/token-log-probs.ts';
import type { LanguageModel } from '../models/types.ts';
import { entropy, fullKl } from './distributions.ts';
import { type KlForm, sampledKl } from './kl-penalty.ts';
import { type PackedSequences, packSequences, responseHidden, type Sequence } from './sequences.ts';

/** What the updates must know of each of the N response tokens at the time of the rollout, row after row. */
export interface TokenRecords {
  lengths: number[];
  logProbs: Float64Array;
  referenceLogProbs: Float64Array;
  values: Float64Array;
  /** Entropy of the distribution that the token was drawn from, in nats. */
  entropy: Float64Array;
  /** The KL term of the chosen form. */
  kl: Float64Array;
}

export interface RecordOptions {
  policy: LanguageModel;
  reference: LanguageModel;
  /** The critic; without one, `values` of the records is empty. */
  values?(hidden_ND: tf.Tensor2D, packed: PackedSequences): tf.Tensor1D;
  klForm: KlForm;
  padId: number;
}

/** Logits of one chunk take at most so many numbers (128 MB), whatever the vocabulary. */
const CHUNK_LOGITS = 2 ** 25;

/** One pass of policy and reference over the sequences, without gradients, logits at response positions only. */
export function recordTokens(sequences: readonly Sequence[], options: RecordOptions): TokenRecords {
  const longest = Math.max(...sequences.map(({ response }) => response.length));
  const rows = Math.max(1, Math.floor(CHUNK_LOGITS / (longest * options.policy.vocabulary)));
  const chunks: Chunk[] = [];
  for (let from = 0; from < sequences.length; from += rows) {
    chunks.push(recordChunk(sequences.slice(from, from + rows), options));
  }
  const logProbs = join(chunks, 'logProbs');
  const referenceLogProbs = join(chunks, 'referenceLogProbs');
  const { klForm } = options;
  return {
    lengths: sequences.map(({ response }) => response.length),
    logProbs,
    referenceLogProbs,
    values: join(chunks, 'values'),
    entropy: join(chunks, 'entropy'),
    kl:
      klForm === 'full'
        ? join(chunks, 'fullKl')
        : logProbs.map((logProb, n) => sampledKl(klForm, logProb, referenceLogProbs[n] as number)),
  };
}

type Chunk = Record<'logProbs' | 'referenceLogProbs' | 'values' | 'entropy' | 'fullKl', ArrayLike<number>>;

function recordChunk(sequences: readonly Sequence[], options: RecordOptions): Chunk {
  const { policy, reference, values, klForm, padId } = options;
  const tf = tensorflow();
  let chunk: Chunk | undefined;
  // Not returned from tidy, which would look for tensors in every element.
  tf.tidy(() => {
    const packed = packSequences(sequences, padId);
    const labels_N = tf.tensor1d(packed.labels, 'int32');
    const hidden_ND = responseHidden(policy, packed);
    const logits_NV = policy.unembed(hidden_ND);
    const referenceLogits_NV = tf.tidy(() => reference.unembed(responseHidden(reference, packed)));
    chunk = {
      logProbs: tokenLogProbs(logits_NV, labels_N).dataSync(),
      referenceLogProbs: tokenLogProbs(referenceLogits_NV, labels_N).dataSync(),
      values: values?.(hidden_ND, packed).dataSync() ?? [],
      entropy: entropy(logits_NV).dataSync(),
      fullKl: klForm === 'full' ? fullKl(logits_NV, referenceLogits_NV).dataSync() : [],
    };
  });
  return chunk as unknown as Chunk;
}

function join(chunks: readonly Chunk[], key: keyof Chunk): Float64Array {
  const out = new Float64Array(chunks.reduce((sum, chunk) => sum + chunk[key].length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk[key], at);
    at += chunk[key].length;
  }
  return out;
}
