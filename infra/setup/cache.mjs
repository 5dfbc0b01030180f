// The per-user cache: each entry is a directory made under another name and renamed when it is complete.
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { noSpace } from './failure.mjs';
import { withLock } from './lock.mjs';

const MANIFEST = '.manifest.json';

/** `PLUMBLINE_CACHE`, else `plumbline` in the user's cache directory. */
export function cacheDirectory(env = process.env) {
  if (env.PLUMBLINE_CACHE) return resolve(env.PLUMBLINE_CACHE);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'plumbline');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'plumbline');
}

export const lockFile = (name) => join(cacheDirectory(), 'locks', `${name}.lock`);

/** SHA-256 of a file, in hexadecimal. */
export async function sha256(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/** Fails when the file system of `directory` has less than `megabytes` free. */
export async function demandSpace(directory, megabytes) {
  mkdirSync(directory, { recursive: true });
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < megabytes * 1e6) throw noSpace(directory, `${(megabytes / 1000).toFixed(1)} GB`);
}

const files = (directory) =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name !== MANIFEST)
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

async function writeManifest(directory) {
  const entries = {};
  for (const file of files(directory).sort())
    entries[relative(directory, file)] = { bytes: statSync(file).size, sha256: await sha256(file) };
  writeFileSync(join(directory, MANIFEST), JSON.stringify(entries, null, 1));
}

function manifestOf(directory) {
  try {
    return Object.entries(JSON.parse(readFileSync(join(directory, MANIFEST), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whether every file that the entry was published with is there with its size (quick: no file is read). */
export function intact(directory) {
  return (
    manifestOf(directory)?.every(([name, { bytes }]) => {
      const stats = statSync(join(directory, name), { throwIfNoEntry: false });
      return stats?.size === bytes;
    }) ?? false
  );
}

/**
 * For an entry that does not work: removes it when its bytes no longer match their checksums (a bad disk, an edit).
 * @returns {Promise<boolean>} whether it was damaged, and so can be made anew
 */
export async function discardIfDamaged(path) {
  for (const [name, { sha256: expected }] of manifestOf(path) ?? []) {
    const file = join(path, name);
    if (existsSync(file) && (await sha256(file)) === expected) continue;
    rmSync(path, { recursive: true, force: true });
    return true;
  }
  return false;
}

/**
 * The directory of a cache entry, made when it is not there. Two processes may ask at once, and either may be killed
 * at any moment: an entry exists whole or not at all.
 * @param {string} name file name that holds everything the content depends on
 * @param {(stage: string, lock: {adopt(pid: number): void}) => Promise<void>} make fills an empty directory
 * @returns {Promise<{path: string, made: boolean}>}
 */
export async function provide(name, make, onWait) {
  const path = join(cacheDirectory(), name);
  if (intact(path)) return { path, made: false };
  return withLock(
    lockFile(name),
    async (lock) => {
      if (intact(path)) return { path, made: false };
      const stages = join(cacheDirectory(), 'stage');
      mkdirSync(stages, { recursive: true });
      // Holding the lock, any other stage of this entry is what a killed set-up left.
      for (const left of readdirSync(stages)) {
        if (left.startsWith(`${name}.`)) rmSync(join(stages, left), { recursive: true, force: true });
      }
      const stage = join(stages, `${name}.${process.pid}`);
      mkdirSync(stage);
      try {
        await make(stage, lock);
        await writeManifest(stage);
        rmSync(path, { recursive: true, force: true });
        renameSync(stage, path);
      } finally {
        rmSync(stage, { recursive: true, force: true });
      }
      return { path, made: true };
    },
    onWait,
  );
}
