import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ArtifactFile, BlobState, Digest } from './types.ts';

/** SHA-256 of bytes or UTF-8 text. */
export function sha256(bytes: Uint8Array | string): Digest {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Files whose bytes this process has read, known by (device, inode, size, mtime), so that a file is read once for as long
 * as nobody writes to it, under whichever of its names.
 */
const known = new Map<string, Digest>();

/** Whether the file at `path` is `expected`: `quick` by existence and size, `full` by its bytes. */
export async function checkFile(
  path: string,
  expected: ArtifactFile,
  depth: 'quick' | 'full',
): Promise<BlobState> {
  const now = await identity(path);
  if (now === null) return 'missing';
  if (now.size !== expected.size) return 'corrupt';
  if (depth === 'quick') return 'ok';
  return (await digestOf(path, now)) === expected.sha256 ? 'ok' : 'corrupt';
}

/** SHA-256 and size of a local file, read only when they are not known; null when there is no such file. */
export async function digestOfFile(path: string): Promise<ArtifactFile | null> {
  const now = await identity(path);
  return now === null ? null : { sha256: await digestOf(path, now), size: now.size };
}

async function digestOf(path: string, now: Identity): Promise<Digest> {
  const found = known.get(now.name) ?? (await read(path));
  // Only if nobody wrote meanwhile does the digest belong to the identity.
  if ((await identity(path))?.name === now.name) known.set(now.name, found);
  return found;
}

async function read(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

interface Identity {
  name: string;
  size: number;
}

async function identity(path: string): Promise<Identity | null> {
  try {
    const info = await stat(path, { bigint: true });
    return { name: `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}`, size: Number(info.size) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
