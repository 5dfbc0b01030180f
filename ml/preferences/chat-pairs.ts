import { ComputeError } from '../failure.ts';
import type { Tokenizer } from '../models/types.ts';
import type { ChatTemplate, Message } from '../tokenizers/chat-template.ts';
import type { PreferencePair } from './types.ts';

/**
 * The pair as the texts that a model tuned on conversations reads: the prompt is the conversation with the assistant's turn
 * open, a completion is what the template writes from there on, with the end of the turn.
 * @throws ComputeError bad-data when the template writes the conversation before an answer otherwise than alone
 */
export function chatPair(
  pair: PreferencePair,
  turns: readonly Message[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): PreferencePair {
  const prompt = template.apply(turns, { addGenerationPrompt: true });
  const completion = (content: string): string => {
    const whole = template.apply([...turns, { role: 'assistant', content: content.trim() }]);
    if (whole.startsWith(prompt)) return whole.slice(prompt.length);
    throw new ComputeError(
      'bad-data',
      'The chat template does not write an answer after what it writes to ask for one',
      { hint: 'set `template: none`: prompts then stay as they are' },
    );
  };
  return {
    ...pair,
    prompt: withoutStart(prompt, tokenizer),
    chosen: completion(pair.chosen),
    rejected: completion(pair.rejected),
  };
}

/** Templates write the beginning-of-text token that most tokenizers add by themselves: it must not be there twice. */
function withoutStart(text: string, tokenizer: Tokenizer): string {
  const { bosId } = tokenizer;
  if (bosId === null || tokenizer.encode('a')[0] !== bosId) return text;
  const start = tokenizer.token(bosId);
  return text.startsWith(start) ? text.slice(start.length) : text;
}
