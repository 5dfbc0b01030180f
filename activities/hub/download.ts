import { existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ComputeError } from '../../ml/failure.ts';
import { matches } from './checksum.ts';
import { Interrupted } from './interrupted.ts';
import { get, persistently, reasonOf } from './request.ts';
import type { HubFile, HubSettings } from './types.ts';

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

/**
 * Fetches a file to `target`, going on from what `partial` holds. The file appears at `target` only when its size and
 * checksum are right; bytes that are wrong are thrown away and fetched once more.
 * @throws ComputeError hub-checksum, or what `get` throws
 */
export async function download(
  file: HubFile,
  url: string,
  paths: { partial: string; target: string },
  settings: HubSettings,
  onBytes: (n: number) => void,
): Promise<void> {
  await mkdir(dirname(paths.target), { recursive: true });
  for (let tries = 1; tries <= 2; tries++) {
    await persistently(file.path, settings, () => fetchRest(file, url, paths.partial, settings, onBytes));
    if (await matches(paths.partial, file.etag)) {
      await rename(paths.partial, paths.target);
      return;
    }
    settings.log(`${file.path}: the bytes do not match their checksum; fetching it anew`);
    await rm(paths.partial, { force: true });
  }
  throw new ComputeError('hub-checksum', `${url}: the bytes do not match the checksum ${file.etag}`, {
    retryable: true,
    hint: 'Something on the way changes the file: a proxy, or a mirror (HF_ENDPOINT) that is damaged.',
  });
}

/** One connection's worth of the bytes that are missing. @throws Interrupted when some are still missing */
async function fetchRest(
  file: HubFile,
  url: string,
  partial: string,
  settings: HubSettings,
  onBytes: (n: number) => void,
): Promise<void> {
  const have = sizeOf(partial);
  if (have > file.size) await rm(partial);
  if (have === file.size && existsSync(partial)) return;
  const start = have > file.size ? 0 : have;
  const { response, alive, end } = await get(url, settings, start > 0 ? { range: `bytes=${start}-` } : {});
  // A server that knows no ranges sends everything again.
  const at = response.status === 206 ? rangeStart(response) : 0;
  const handle = await open(partial, existsSync(partial) ? 'r+' : 'w');
  let position = at ?? start;
  try {
    if (position > start) throw new Interrupted(`it begins at byte ${position}, not ${start}`);
    await handle.truncate(position);
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      alive();
      await writeAll(handle, chunk, position);
      position += chunk.length;
      onBytes(chunk.length);
      if (position > file.size) break;
    }
  } catch (error) {
    settings.signal.throwIfAborted();
    if (error instanceof Interrupted || isLocal(error)) throw error;
    throw new Interrupted(
      `it broke off at byte ${position} of ${file.size}: ${reasonOf(error)}`,
      position > start,
    );
  } finally {
    end();
    await response.body?.cancel().catch(() => undefined);
    await handle.close();
  }
  if (position < file.size)
    throw new Interrupted(`it ended at byte ${position} of ${file.size}`, position > start);
  if (position > file.size) {
    await rm(partial);
    throw new Interrupted(`it is longer than the ${file.size} bytes that it should have`);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

/** A full disk or a directory without rights: no other try would help. */
const isLocal = (error: unknown): boolean =>
  ['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '');

function rangeStart(response: Response): number | null {
  const found = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return found ? Number(found[1]) : null;
}
