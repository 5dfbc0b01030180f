import type { Tokenizer } from '../models/types.ts';

/** The tokens [from, to) of a text that make up a target word. */
export interface TargetTokens {
  ids: number[];
  from: number;
  to: number;
}

/**
 * The tokens that make up the characters [start, end) of a text, found by character offsets. They must cover exactly these
 * characters (white space before the word may belong to the first token) and be known to the tokenizer, not stand-ins for
 * an unknown word. null when they are not.
 */
export function tokensOfSpan(
  tokenizer: Tokenizer,
  text: string,
  [start, end]: readonly [start: number, end: number],
): TargetTokens | null {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const from = offsets.findIndex(([, tokenEnd]) => tokenEnd > start);
  if (from < 0) return null;
  let to = from;
  while (to < ids.length && (offsets[to] as [number, number])[0] < end) to++;
  if (to === from) return null;
  const [first] = offsets[from] as [number, number];
  const [, last] = offsets[to - 1] as [number, number];
  if (last !== end || (first !== start && text.slice(first, start).trim() !== '') || first > start)
    return null;
  const surface = tokenizer.decode(ids.slice(from, to)).trim().toLowerCase();
  return surface === text.slice(start, end).toLowerCase() ? { ids, from, to } : null;
}
