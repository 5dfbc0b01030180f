import { linkSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { livenessOf, type ProcessIdentity, thisProcess } from '../../store/process-identity.ts';
import { EmbeddedError } from './error.ts';
import { readJson, writeJson } from './json-file.ts';

const PATIENCE_MS = 120_000;

/** Runs `work` while no other process on this host does so with the same lock file; a dead holder's lock is taken over. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  while (!take(path)) {
    const holder = readJson<ProcessIdentity>(path);
    if (holder && livenessOf(holder) === 'dead') takeAway(path, holder);
    else if (Date.now() > until) throw stuck(path, holder);
    else await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** The whole content comes into being with the name, so that no reader sees half of it. */
function take(path: string): boolean {
  const own = `${path}.${process.pid}.own`;
  writeJson(own, thisProcess());
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Moves the dead lock aside first: a live one that took its place in between is put back. */
function takeAway(path: string, dead: ProcessIdentity): void {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readJson<ProcessIdentity>(aside);
  if (moved && (moved.pid !== dead.pid || moved.started !== dead.started)) {
    try {
      linkSync(aside, path);
    } catch {
      // Taken once more: then both of us wait for that one.
    }
  }
  rmSync(aside, { force: true });
}

function stuck(path: string, holder: ProcessIdentity | null): EmbeddedError {
  const who = holder
    ? `process ${holder.pid}${livenessOf(holder) === 'unknown' ? ' on another host' : ''}`
    : 'nobody';
  return new EmbeddedError(
    'locked',
    `${path} has been held by ${who} for two minutes.`,
    `If no plumb command is starting or stopping there, remove it: rm ${path}`,
  );
}
