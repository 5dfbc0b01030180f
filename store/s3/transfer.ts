import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from '../types.ts';
import type { Bucket, ObjectInfo } from './bucket.ts';

/** Large objects, in parts of which some are under way at once. Memory: `AT_ONCE` parts. */

/** S3 takes 10,000 parts of 5 MiB to 5 GiB. */
const PART = 16 << 20;
const MOST_PARTS = 10_000;
const AT_ONCE = 4;

/** A file as it goes to the store: its digest, and the MD5 of each part, which the server checks. */
export interface Measured {
  path: string;
  sha256: Digest;
  size: number;
  partSize: number;
  md5: string[];
}

/** Reads a file once; null when there is none. */
export async function measure(path: string): Promise<Measured | null> {
  const file = await openOrNull(path);
  if (file === null) return null;
  try {
    const partSize = Math.max(PART, Math.ceil((await file.stat()).size / MOST_PARTS));
    const whole = createHash('sha256');
    const md5: string[] = [];
    let part = createHash('md5');
    let size = 0;
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const left = partSize - (size % partSize);
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left), size);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      whole.update(bytes);
      part.update(bytes);
      size += bytesRead;
      if (bytesRead < left) continue;
      md5.push(part.digest('base64'));
      part = createHash('md5');
    }
    if (size % partSize !== 0) md5.push(part.digest('base64'));
    return { path, sha256: whole.digest('hex'), size, partSize, md5 };
  } finally {
    await file.close();
  }
}

/**
 * Sends a file as it was measured: one that was written to since is refused by the server, whose MD5 differs. An upload that
 * fails leaves nothing; one whose process dies leaves parts, which `plumb artifacts gc` removes.
 */
export async function upload(bucket: Bucket, key: string, measured: Measured): Promise<void> {
  const { path, size, partSize, md5 } = measured;
  const file = await open(path, 'r');
  try {
    if (md5.length <= 1) return await bucket.put(key, await bytesOf(file, 0, size));
    const id = await bucket.beginUpload(key);
    try {
      const etags = await inParallel(md5.length, (i) =>
        bytesOf(file, i * partSize, Math.min(partSize, size - i * partSize)).then((bytes) =>
          bucket.putPart(key, id, i + 1, bytes, md5[i] as string),
        ),
      );
      await bucket.completeUpload(key, id, etags, size);
    } catch (error) {
      await bucket.abortUpload(key, id).catch(() => undefined);
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** The bytes of an object, in order, fetched in parts ahead of the reader; null when there is none. */
export async function download(
  bucket: Bucket,
  key: string,
): Promise<{ object: ObjectInfo; chunks: AsyncGenerator<Buffer[]> } | null> {
  const first = await bucket.piece(key, 0, PART);
  if (first === null) return null;
  return { object: first.object, chunks: follow(bucket, first.object, first.chunks) };
}

async function* follow(bucket: Bucket, { key, size, etag }: ObjectInfo, first: Buffer[]) {
  const ahead: Promise<Buffer[]>[] = [];
  let next = PART;
  const fetchMore = () => {
    for (; ahead.length < AT_ONCE && next < size; next += PART) {
      const piece = bucket.piece(key, next, PART, etag).then((found) => found?.chunks ?? []);
      // Its turn may never come.
      piece.catch(() => undefined);
      ahead.push(piece);
    }
  };
  fetchMore();
  yield first;
  for (let chunks = ahead.shift(); chunks !== undefined; chunks = ahead.shift()) {
    const arrived = await chunks;
    fetchMore();
    yield arrived;
  }
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function bytesOf(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, from + done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was stored');
    done += bytesRead;
  }
  return bytes;
}

/** After a failure nothing more is begun, and what is under way has ended before it is thrown. */
async function inParallel<T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < count && !failed) {
      const i = next++;
      try {
        results[i] = await work(i);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
  return results;
}
