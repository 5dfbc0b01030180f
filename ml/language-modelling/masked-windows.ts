import type { Windows } from './windows.ts';

/**
 * Supervised fine-tuning (Ouyang et al. 2022, section 3.5) on prompts with their completions: one text a window, and only
 * the completion's tokens are predicted, the end token with them; the prompt's are only read. What is left of a window is
 * end tokens that are not predicted: no later position is seen by an earlier one, so they need no mask.
 */
export interface Example {
  ids: readonly number[];
  /** The first token of the completion. */
  completion: number;
}

export interface MaskedWindows {
  windows: Windows & { scored: Uint8Array };
  /** Texts that are left out: not one token of their completion is within the context. */
  tooLong: number;
  /** Texts whose end is cut off. */
  cut: number;
}

export function maskedWindows(examples: readonly Example[], context: number, endId: number): MaskedWindows {
  const width = context + 1;
  // The first token of a window is never predicted.
  const fitting = examples.filter(({ completion }) => completion < width);
  const tokens = new Int32Array(fitting.length * width).fill(endId);
  const scored = new Uint8Array(fitting.length * width);
  let cut = 0;
  for (const [row, { ids, completion }] of fitting.entries()) {
    const start = row * width;
    const kept = ids.slice(0, width);
    tokens.set(kept, start);
    const end = Math.min(width, ids.length + 1);
    scored.fill(1, start + Math.max(1, completion), start + end);
    if (ids.length + 1 > width) cut++;
  }
  return {
    windows: { tokens, scored, count: fitting.length, context },
    tooLong: examples.length - fitting.length,
    cut,
  };
}

/**
 * A text as an example: the completion begins behind the last `separator`, with the first token that starts there.
 * @returns null when the text has no separator, or nothing behind it
 */
export function exampleOf(
  text: string,
  separator: string,
  encode: (text: string) => { ids: number[]; offsets: [number, number][] },
): Example | null {
  const at = text.lastIndexOf(separator);
  if (at < 0) return null;
  const boundary = at + separator.length;
  const { ids, offsets } = encode(text);
  // By its last character: a token may begin with the separator's final blank.
  const completion = offsets.findIndex(([, end]) => end > boundary);
  return completion < 0 ? null : { ids, completion };
}
