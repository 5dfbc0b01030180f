const BYTE = /^<0x([0-9A-F]{2})>$/;

/**
 * Joins runs of byte tokens to the characters that they spell. As the Python package does it: a run that is not UTF-8 gives
 * one U+FFFD a byte, and a byte order mark stays.
 */
export function joinBytes(tokens: readonly string[]): string[] {
  const joined: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) joined.push(textOf(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE.exec(token);
    if (byte) bytes.push(Number.parseInt(byte[1] as string, 16));
    else {
      flush();
      joined.push(token);
    }
  }
  flush();
  return joined;
}

function textOf(bytes: number[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return '\ufffd'.repeat(bytes.length);
  }
}

interface DecoderPart {
  config?: { type?: string };
  decoders?: DecoderPart[];
  decode_chain(tokens: string[]): string[];
}

/** Puts `joinBytes` in the place of the library's own step, which drops byte order marks and joins stray bytes. */
export function mendByteFallback(decoder: object | null): void {
  if (decoder === null) return;
  const part = decoder as DecoderPart;
  for (const inner of part.decoders ?? []) mendByteFallback(inner);
  if (part.config?.type === 'ByteFallback') part.decode_chain = joinBytes;
}
