import { createHash } from 'node:crypto';

/** 64 bits of the SHA-256 of a text: equal on every machine. */
export function hash64(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE(0);
}
