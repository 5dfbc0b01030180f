/**
 * Which tokens make up the characters [start, end) of a text, by the tokenizer's character offsets: the first and one past
 * the last token that share a character with the span. null when none does.
 */
export function tokensOfSpan(
  offsets: readonly (readonly [number, number])[],
  [start, end]: readonly [number, number],
): { from: number; to: number } | null {
  let from = -1;
  let to = -1;
  offsets.forEach(([tokenStart, tokenEnd], i) => {
    if (tokenStart < end && tokenEnd > start) {
      if (from < 0) from = i;
      to = i + 1;
    }
  });
  return from < 0 ? null : { from, to };
}
