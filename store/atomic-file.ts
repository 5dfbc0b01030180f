import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from './error.ts';
import { livenessOf, thisProcess } from './process-identity.ts';

/** Whole files or none: bytes are written under a temporary name of the same file system, synced, then given their name. */

const OLD_MS = 48 * 3600 * 1000;

/** Temporary files and directories below `directory`, swept of what crashed processes have left. */
export class TemporaryPaths {
  private ready: Promise<void> | undefined;

  constructor(readonly directory: string) {}

  /** A fresh path; nothing is created there. */
  async path(): Promise<string> {
    this.ready ??= this.prepare();
    await this.ready.catch((error) => {
      this.ready = undefined;
      throw error;
    });
    const { host, pid, started } = thisProcess();
    return join(this.directory, [host, pid, started ?? '', randomBytes(8).toString('hex')].join('-'));
  }

  private async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    await this.sweep();
  }

  /** Removes what processes that are gone have left. @returns how many */
  async sweep(): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.directory).catch(noneIfAbsent)) {
      const path = join(this.directory, name);
      const [host = '', pid = '', started = ''] = name.split('-');
      const owner = { host, pid: Number(pid), started: started === '' ? null : started };
      const liveness = livenessOf(owner);
      const info = await stat(path).catch(() => null);
      const old = info !== null && Date.now() - info.mtimeMs > OLD_MS;
      if (liveness === 'alive' || (liveness === 'unknown' && !old)) continue;
      await rm(path, { recursive: true, force: true });
      removed += 1;
    }
    return removed;
  }
}

function noneIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** Creates `target` with `bytes`, or replaces it. @returns false when it exists and may not be replaced */
export async function writeWhole(
  temporary: TemporaryPaths,
  target: string,
  bytes: Uint8Array | string,
  mode: 'create' | 'replace',
): Promise<boolean> {
  return clearly(target, async () => {
    const path = await temporary.path();
    try {
      const file = await open(path, 'wx', 0o644);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await makeDirectory(dirname(target));
      if (mode === 'replace') await rename(path, target);
      else if (!(await linkIfAbsent(path, target))) return false;
      await syncDirectory(dirname(target));
      return true;
    } finally {
      await rm(path, { force: true });
    }
  });
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a complete temporary file to its name, replacing what is there, and makes both durable. */
export async function publish(path: string, target: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.chmod(0o444);
    await file.sync();
  } finally {
    await file.close();
  }
  await makeDirectory(dirname(target));
  await rename(path, target);
  await syncDirectory(dirname(target));
}

/** Moves where the file system allows, else copies (sharing blocks where it can) and removes the source. */
export async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await rm(from, { force: true });
  }
}

/**
 * Gives `to` the bytes of the read-only file `from` as cheaply as is safe: shared blocks (copy on write), else a second
 * name of the same read-only file, else a copy.
 */
export async function shareFile(from: string, to: string): Promise<void> {
  try {
    return await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await rm(to, { force: true });
  }
  try {
    return await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
  }
  await copyFile(from, to, constants.COPYFILE_EXCL);
}

/** With its parents, durably. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  // A name in a new directory is only durable when the directory's own name is.
  if (first !== undefined) await syncDirectory(dirname(first));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Runs a file operation, turning the system's errors into StoreErrors that say what to do. */
export async function clearly<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw await explain(path, error);
  }
}

async function explain(path: string, error: unknown): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const cause = { cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG': {
      const free = await freeBytes(path);
      const left = free === null ? '' : ` (${Math.floor(free / 1048576)} MiB free)`;
      return new StoreError(
        'disk-full',
        `No space left to write ${path}${left}.`,
        'Free space on this disk or move the store to a larger one; the same command then goes on from what is stored.',
        cause,
      );
    }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StoreError(
        'permission',
        `Not permitted to use ${path} (${code}).`,
        'Give the user that runs plumb read and write permission on the store directory, or choose another one.',
        cause,
      );
    case 'ENOTDIR':
    case 'EISDIR':
      return new StoreError(
        'bad-name',
        `${path} cannot be used: a file stands where a directory is needed, or the reverse.`,
        'Move what stands in the way, or choose another directory for the store.',
        cause,
      );
    case 'EIO':
    case 'ESTALE':
    case 'EMFILE':
    case 'ENFILE':
    case 'EBUSY':
      return new StoreError(
        'unavailable',
        `The file system failed at ${path} (${code}).`,
        code === 'EMFILE' || code === 'ENFILE'
          ? 'Too many files are open: raise the limit with `ulimit -n`.'
          : 'Check the disk or the network mount; the work is tried again.',
        cause,
      );
    default:
      return error;
  }
}

async function freeBytes(path: string): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const info = await statfs(at);
      return info.bavail * info.bsize;
    } catch {
      if (at === dirname(at)) return null;
    }
  }
}
