import { Decompress } from 'fzstd';

/** Unpacks zstd (RFC 8878) as it comes; frames may follow each other. @throws Error when it is cut short or damaged */
export async function* unzstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const stream = new Decompress((part) => {
    // The parts lie in a window that the next push overwrites.
    if (part.length > 0) ready.push(part.slice());
  });
  for await (const chunk of packed) {
    stream.push(chunk);
    yield* ready;
    ready = [];
  }
  stream.push(new Uint8Array(0), true);
  yield* ready;
}
