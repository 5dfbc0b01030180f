import { createHash } from 'node:crypto';
import { ComputeError } from '../failure.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import type { Sequence } from '../rlhf/sequences.ts';
import type { PreferencePair } from './types.ts';

/** A completion after its prompt, as token ids: prompt first, both at least one token. */
export interface TokenSequence {
  ids: Int32Array;
  promptLength: number;
}

export interface TokenPair {
  chosen: TokenSequence;
  rejected: TokenSequence;
}

/**
 * How long sequences may be, as TRL 0.7.11 cuts them (`DPOTrainer.tokenize_row`): when prompt and longer completion
 * pass `maxTokens`, the prompt is cut to `maxPromptTokens`; when they still do, completions are cut at the end to
 * `maxTokens - maxPromptTokens`.
 */
export interface LengthRules {
  maxTokens: number;
  maxPromptTokens: number;
  /** Which end of a prompt that is too long stays. */
  keep: 'end' | 'start';
  /** Whether the end-of-text token follows each completion that does not end with it. */
  endOfText: boolean;
}

export interface TokenisedPairs {
  pairs: TokenPair[];
  /** Of each pair, which of the given ones it is. */
  places: Int32Array;
  /** Pairs with a cut prompt, and with a cut completion. */
  cutPrompts: number;
  cutCompletions: number;
  /** Pairs left out because the two sides are the same tokens, as they are after a cut before their first difference. */
  same: number;
}

/** @throws ComputeError bad-parameter when the rules leave completions no room, bad-data when no pair is left */
export function tokenisePairs(
  pairs: readonly PreferencePair[],
  tokenizer: Tokenizer,
  rules: LengthRules,
): TokenisedPairs {
  if (rules.maxPromptTokens >= rules.maxTokens) {
    throw new ComputeError(
      'bad-parameter',
      `max-prompt-length ${rules.maxPromptTokens} leaves completions no room in max-length ${rules.maxTokens}`,
      { hint: 'lower `max-prompt-length` or raise `max-length`' },
    );
  }
  const kept: TokenPair[] = [];
  const places: number[] = [];
  const counts = { cutPrompts: 0, cutCompletions: 0, same: 0 };
  for (const [place, pair] of pairs.entries()) {
    const sides = [pair.chosen, pair.rejected].map((completion) =>
      encode(pair.prompt, completion, tokenizer, rules.endOfText),
    ) as [Encoded, Encoded];
    const { pair: cut, cutPrompt, cutCompletion } = cutPair(sides, rules);
    counts.cutPrompts += Number(cutPrompt);
    counts.cutCompletions += Number(cutCompletion);
    if (equal(cut.chosen.ids, cut.rejected.ids)) counts.same++;
    else {
      kept.push(cut);
      places.push(place);
    }
  }
  if (kept.length === 0) {
    const [message, hint] =
      pairs.length === 0
        ? ['There are no pairs', 'for held-out pairs, set `held-out` of data.preferences above 0']
        : [
            `None of the ${pairs.length} pairs differs within its first tokens`,
            'raise `max-length`, or give other pairs',
          ];
    throw new ComputeError('bad-data', message, { hint });
  }
  return { pairs: kept, places: Int32Array.from(places), ...counts };
}

interface Encoded {
  prompt: number[];
  completion: number[];
}

/**
 * Prompt and completion are tokenised together, as the model reads them. The prompt ends where the tokens stop being those
 * of the prompt alone: a token across the boundary belongs to the completion.
 */
function encode(prompt: string, completion: string, tokenizer: Tokenizer, endOfText: boolean): Encoded {
  const alone = tokenizer.encode(prompt);
  const ids = tokenizer.encode(prompt + completion);
  let shared = 0;
  while (shared < alone.length && shared < ids.length - 1 && alone[shared] === ids[shared]) shared++;
  const { eosId } = tokenizer;
  const tokens = ids.slice(shared);
  if (endOfText && eosId !== null && tokens.at(-1) !== eosId) tokens.push(eosId);
  // Something must come before the first token that is predicted.
  const start = shared > 0 ? ids.slice(0, shared) : [tokenizer.bosId ?? eosId ?? tokenizer.padId];
  return { prompt: start, completion: tokens };
}

function cutPair([chosen, rejected]: [Encoded, Encoded], rules: LengthRules) {
  const { maxTokens, maxPromptTokens, keep } = rules;
  const longest = Math.max(chosen.completion.length, rejected.completion.length);
  const promptLength = Math.max(chosen.prompt.length, rejected.prompt.length);
  const promptTooLong = promptLength + longest > maxTokens;
  const cutPrompt = promptTooLong && promptLength > maxPromptTokens;
  const keptPrompt = cutPrompt ? maxPromptTokens : promptLength;
  const room = keptPrompt + longest > maxTokens ? maxTokens - maxPromptTokens : longest;
  const cut = ({ prompt, completion }: Encoded): TokenSequence => {
    const start = cutPrompt
      ? keep === 'end'
        ? prompt.slice(-maxPromptTokens)
        : prompt.slice(0, maxPromptTokens)
      : prompt;
    return { ids: Int32Array.from([...start, ...completion.slice(0, room)]), promptLength: start.length };
  };
  return {
    pair: { chosen: cut(chosen), rejected: cut(rejected) },
    cutPrompt,
    cutCompletion: longest > room,
  };
}

/** @throws ComputeError bad-parameter when a pair has more tokens than the model has positions */
export function checkFits(model: LanguageModel, pairs: readonly TokenPair[]): void {
  let longest = 0;
  for (const { chosen, rejected } of pairs)
    longest = Math.max(longest, chosen.ids.length, rejected.ids.length);
  if (longest <= model.maxPositions) return;
  throw new ComputeError(
    'bad-parameter',
    `Pairs have up to ${longest} tokens, but the model has ${model.maxPositions} positions`,
    { hint: `lower \`max-length\` to ${model.maxPositions} or less` },
  );
}

const equal = (a: Int32Array, b: Int32Array) => a.length === b.length && a.every((id, i) => id === b[i]);

export const completionLength = ({ ids, promptLength }: TokenSequence): number => ids.length - promptLength;

export const toSequence = ({ ids, promptLength }: TokenSequence): Sequence => ({
  prompt: Array.from(ids.subarray(0, promptLength)),
  response: Array.from(ids.subarray(promptLength)),
});

/** SHA-256 over the token ids of all pairs and where prompts end: equal pairs, cut alike, have equal digests. */
export function digestOfPairs(pairs: readonly TokenPair[]): string {
  const hash = createHash('sha256');
  for (const { chosen, rejected } of pairs) {
    for (const { ids, promptLength } of [chosen, rejected]) {
      hash.update(`${promptLength},${ids.length};`);
      hash.update(ids.join(','));
    }
  }
  return hash.digest('hex');
}
