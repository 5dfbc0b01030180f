import type { Message } from '../tokenizers/chat-template.ts';

/** Turns of HH-RLHF and of what is written like it. */
export const ASSISTANT = '\n\nAssistant:';

/** A dialogue up to and with what opens its last assistant turn, and that turn; null when there is no such turn. */
export function splitDialogue(text: string, opening: string): { prompt: string; completion: string } | null {
  const at = text.lastIndexOf(opening);
  if (at < 0) return null;
  const end = at + opening.length;
  return { prompt: text.slice(0, end), completion: text.slice(end) };
}

/** The turns of a prompt that ends with an open assistant turn; null when it is not written in turns. */
export function turnsOf(prompt: string): Message[] | null {
  const parts = prompt.split(/(?:^|\n\n)(Human|Assistant):/);
  if (parts.length < 3 || (parts[0] as string).trim() !== '' || parts.at(-2) !== 'Assistant') return null;
  const turns: Message[] = [];
  for (let i = 1; i + 1 < parts.length - 2; i += 2)
    turns.push({
      role: parts[i] === 'Human' ? 'user' : 'assistant',
      content: (parts[i + 1] as string).trim(),
    });
  return turns;
}
