import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Whether a file's bytes are those that its etag names: 64 hex digits are the SHA-256 of the bytes, 40 are git's SHA-1 of
 * `blob <size>\0` and the bytes.
 */
export async function matches(path: string, etag: string): Promise<boolean> {
  const hash = createHash(etag.length === 64 ? 'sha256' : 'sha1');
  if (etag.length === 40) hash.update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') === etag;
}
