import { ComputeError } from '../failure.ts';
import { sample } from '../generation/sample.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import type { PromptCompletion } from '../rewards/types.ts';
import type { Prompt } from './prompts.ts';
import type { Sequence } from './sequences.ts';

/** What a model wrote after a prompt. */
export interface Written extends Sequence {
  text: PromptCompletion;
  /** Whether it ended by itself, with the end-of-text token (the last of `response`). */
  ended: boolean;
}

/** @throws ComputeError `bad-parameter` when bounds are the wrong way round, or longer than the model's positions */
export function checkLengths(
  model: LanguageModel,
  promptTokens: readonly [number, number],
  completionTokens: readonly [number, number],
): void {
  for (const [name, [fewest, most]] of Object.entries({
    'prompt-tokens': promptTokens,
    'completion-tokens': completionTokens,
  })) {
    if (fewest <= most) continue;
    throw new ComputeError('bad-parameter', `${name} is [${fewest}, ${most}]: the fewest come first`, {
      hint: `write \`${name}: [${most}, ${fewest}]\``,
    });
  }
  if (promptTokens[1] + completionTokens[1] <= model.maxPositions) return;
  throw new ComputeError(
    'bad-parameter',
    `Prompts of ${promptTokens[1]} and completions of ${completionTokens[1]} tokens do not fit the model's ${model.maxPositions} positions`,
    { hint: 'lower `completion-tokens` or `prompt-tokens`' },
  );
}

/** How many tokens each of `count` completions may have: uniform between the bounds, both included. */
export function completionLimits(
  count: number,
  [fewest, most]: readonly [number, number],
  draws: RandomStream,
): number[] {
  return Array.from({ length: count }, () => fewest + draws.integer(most - fewest + 1));
}

/** Samples one completion of every prompt at temperature 1 from the whole vocabulary, `limits[i]` tokens at most. */
export function complete(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  limits: readonly number[],
  draws: RandomStream,
): Written[] {
  const { eosId, padId } = tokenizer;
  const ids = prompts.map((prompt) => prompt.ids);
  return sample(model, ids, { maxNewTokens: limits, eosId, padId }, draws).map((completion, i) => {
    const prompt = prompts[i] as Prompt;
    const read = completion.ended ? completion.ids.slice(0, -1) : completion.ids;
    return {
      prompt: prompt.ids,
      response: completion.ids,
      text: {
        prompt: prompt.text,
        completion: completionText(tokenizer, prompt, read),
        tokens: read.length,
      },
      ended: completion.ended,
    };
  });
}

/** Decoded in its context: a tokenizer may put white space between prompt and completion that neither has alone. */
function completionText(tokenizer: Tokenizer, prompt: Prompt, response: readonly number[]): string {
  const whole = tokenizer.decode([...prompt.ids, ...response]);
  return whole.startsWith(prompt.text) ? whole.slice(prompt.text.length) : tokenizer.decode(response);
}
