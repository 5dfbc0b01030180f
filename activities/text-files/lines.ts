/** Longer lines are not texts: most likely the file is of another kind. */
export const LONGEST_LINE = 64 * 2 ** 20;

/** One line without its end, or why it is none. */
export type Line = { number: number; text: string } | { number: number; problem: string };

/**
 * The lines of UTF-8 bytes, ended by \n or \r\n, a byte order mark left out. No more than one line and one chunk are in
 * memory; of a line that is too long nothing is kept.
 */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  longest = LONGEST_LINE,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 0;
  const finish = (): Line => {
    number++;
    if (length > longest) return { number, problem: `it is longer than ${longest} bytes` };
    const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, length);
    const end = whole.at(-1) === 13 ? length - 1 : length;
    try {
      return { number, text: decoder.decode(whole.subarray(0, end)) };
    } catch {
      return { number, problem: 'it is not UTF-8' };
    }
  };
  for await (const chunk of bytes) {
    let start = 0;
    while (start < chunk.length) {
      const at = chunk.indexOf(10, start);
      const part = chunk.subarray(start, at < 0 ? chunk.length : at);
      length += part.length;
      if (length <= longest) parts.push(part);
      else parts = [];
      start += part.length + 1;
      if (at < 0) break;
      yield finish();
      parts = [];
      length = 0;
    }
  }
  if (length > 0) yield finish();
}
