/** A text with positions. Lines and columns count from 1, columns in UTF-16 units, as editors do. */
export class SourceFile {
  readonly path: string;
  readonly text: string;
  private starts: number[] | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  position(offset: number): { line: number; column: number } {
    const starts = this.lineStarts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  }

  private lineStarts(): number[] {
    if (this.starts) return this.starts;
    const starts = [0];
    for (let at = this.text.indexOf('\n'); at !== -1; at = this.text.indexOf('\n', at + 1))
      starts.push(at + 1);
    this.starts = starts;
    return starts;
  }
}

/** A stretch of a file: offsets, the end excluded. */
export interface Span {
  file: SourceFile;
  start: number;
  end: number;
}

export type Decoded = { text: string } | { problem: 'not-utf8' | 'utf16' | 'binary'; offset: number };

/** Bytes to text. Only UTF-8 (with or without byte order mark) without NUL bytes is text here. */
export function decodeText(bytes: Uint8Array): Decoded {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { problem: 'utf16', offset: 0 };
  }
  const nul = bytes.indexOf(0);
  if (nul !== -1) return { problem: 'binary', offset: nul };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: 'not-utf8', offset: firstInvalid(bytes) };
  }
}

/** Offset in characters of the first byte that is not UTF-8. */
function firstInvalid(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8').decode(bytes);
  const at = text.indexOf('\ufffd');
  return at === -1 ? 0 : at;
}
