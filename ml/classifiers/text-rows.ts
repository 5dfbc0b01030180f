import type { Tokenizer } from '../models/types.ts';

/** A text as a classifier reads it. */
export interface TextRow {
  ids: number[];
  /** Whether tokens were cut off at its beginning. */
  cut: boolean;
}

/**
 * The tokens of a whole text (with what the tokenizer's template puts around it), at least one of them. A text of more than
 * `maxTokens` loses its beginning: it is the completion that is judged, and a causal classifier is read at the last token.
 * What the template puts first ([CLS], <s>) stays first.
 */
export function textRow(tokenizer: Tokenizer, text: string, maxTokens: number): TextRow {
  const ids = tokenizer.encode(text);
  if (ids.length === 0) return { ids: [tokenizer.padId], cut: false };
  if (ids.length <= maxTokens) return { ids, cut: false };
  const around = tokenizer.encode('');
  const first = around.findIndex((id, i) => id !== ids[i]);
  const before = ids.slice(0, Math.min(first < 0 ? around.length : first, maxTokens - 1));
  return { ids: [...before, ...ids.slice(-(maxTokens - before.length))], cut: true };
}
