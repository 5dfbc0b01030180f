import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { tokenLogProbs } from '../engine/token-log-probs.ts';
import { ComputeError } from '../failure.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import { packSequences, responseHidden, type Sequence } from '../rlhf/sequences.ts';
import type { PromptCompletion, Reward } from './types.ts';

/**
 * The reward that a model tuned by DPO learned (Rafailov et al., NeurIPS 2023, section 4, up to a term of the prompt alone):
 *
 *   r(x, y) = beta sum over tokens t of y of [log pi(y_t | x, y_<t) - log pi_ref(y_t | x, y_<t)]
 *
 * Both models share one tokenizer. A token that begins in the prompt and ends in the completion is the completion's. No
 * end-of-text token is added: of a text alone nobody knows whether it had ended.
 */
export interface ImplicitRewardOptions {
  /** pi: the tuned model. */
  policy: LanguageModel;
  /** pi_ref: what it was tuned from. */
  reference: LanguageModel;
  tokenizer: Tokenizer;
  /** That of the tuning. */
  beta: number;
}

/** @throws ComputeError `bad-parameter` when the models' vocabularies differ in size */
export function implicitReward(options: ImplicitRewardOptions): Reward {
  const { policy, reference, tokenizer, beta } = options;
  if (policy.vocabulary !== reference.vocabulary) {
    throw new ComputeError(
      'bad-parameter',
      `The models have vocabularies of ${policy.vocabulary} and ${reference.vocabulary} tokens`,
      { hint: 'give the model that was tuned and the one that it was tuned from' },
    );
  }
  const maxTokens = Math.min(policy.maxPositions, reference.maxPositions);
  return {
    description: `${beta} x the log-ratio of the completion under the tuned and the reference model`,
    score(texts) {
      const sequences = texts.map((text) => sequenceOf(text, tokenizer, maxTokens));
      const tuned = sequenceLogProbs(policy, sequences, tokenizer.padId);
      const before = sequenceLogProbs(reference, sequences, tokenizer.padId);
      return Array.from(tuned, (logProb, i) => beta * (logProb - (before[i] as number)));
    },
  };
}

/** A longer text loses the beginning of its prompt; the completion stays whole. */
function sequenceOf(
  { prompt, completion }: PromptCompletion,
  tokenizer: Tokenizer,
  maxTokens: number,
): Sequence {
  const { ids, offsets } = tokenizer.encodeWithOffsets(prompt + completion);
  const first = offsets.findIndex(([, end]) => end > prompt.length);
  const last = offsets.findLastIndex(([, end]) => end > prompt.length);
  const response = first < 0 ? [] : ids.slice(first, last + 1);
  const before = first < 0 ? ids : ids.slice(0, first);
  if (response.length >= maxTokens) {
    throw new ComputeError(
      'bad-data',
      `A completion has ${response.length} tokens, but the models have ${maxTokens} positions, one for a prompt: ${JSON.stringify(completion.slice(0, 60))}`,
      { hint: 'score shorter completions' },
    );
  }
  const start = before.length > 0 ? before : [tokenizer.bosId ?? tokenizer.eosId ?? tokenizer.padId];
  return { prompt: start.slice(-(maxTokens - response.length)), response };
}

/** Logits of one pass take at most so many numbers (128 MB), whatever the vocabulary. */
const CHUNK_LOGITS = 2 ** 25;
/** Padded tokens of one pass. */
const CHUNK_TOKENS = 8192;

/** Summed log-probability of each response; of an empty one 0. Sequences of similar lengths share a pass. */
function sequenceLogProbs(model: LanguageModel, sequences: readonly Sequence[], padId: number): Float64Array {
  const sums = new Float64Array(sequences.length);
  const size = (i: number) => (sequences[i]?.prompt.length ?? 0) + (sequences[i]?.response.length ?? 0);
  const order = [...sequences.keys()]
    .filter((i) => (sequences[i] as Sequence).response.length > 0)
    .sort((a, b) => size(a) - size(b) || a - b);
  for (let from = 0; from < order.length; ) {
    let to = from;
    let longest = 0;
    while (to < order.length) {
      const i = order[to] as number;
      longest = Math.max(longest, (sequences[i] as Sequence).response.length);
      const rows = to + 1 - from;
      const fits = rows * longest * model.vocabulary <= CHUNK_LOGITS && rows * size(i) <= CHUNK_TOKENS;
      if (rows > 1 && !fits) break;
      to++;
    }
    const chunk = order.slice(from, to);
    const packed = packSequences(
      chunk.map((i) => sequences[i] as Sequence),
      padId,
    );
    const logProbs = dataOf(() => {
      const logits_NV = model.unembed(responseHidden(model, packed));
      return tokenLogProbs(logits_NV, tensorflow().tensor1d(packed.labels, 'int32'));
    });
    let n = 0;
    for (const [row, length] of packed.lengths.entries()) {
      let sum = 0;
      for (let t = 0; t < length; t++) sum += logProbs[n++] as number;
      sums[chunk[row] as number] = sum;
    }
    from = to;
  }
  return sums;
}
