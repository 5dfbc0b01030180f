// A lock between set-ups, in a file. It only saves double work: safety rests on the atomic rename in cache.mjs.
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './command.mjs';

const BEAT_MS = 5_000;
/** A lock of another host (a shared home directory) is dead when it has not been touched for so long. */
const SILENT_MS = 120_000;

/** When a process began, in the system's own words: tells a process from a later one with the same id. */
function startOf(pid) {
  if (process.platform !== 'linux') return ask('ps', ['-o', 'lstart=', '-p', String(pid)]) ?? '';
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

const holder = (pid) => ({ pid, started: startOf(pid) });

function alive({ pid, started }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return startOf(pid) === started;
}

function read(path) {
  try {
    return { ...JSON.parse(readFileSync(path, 'utf8')), touched: statSync(path).mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    // Half written: its owner died between creating and filling it, unless it is very young.
    return { host: '', holders: [], token: '', touched: statOrNow(path) };
  }
}

function statOrNow(path) {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Date.now();
  }
}

function stale(lock) {
  if (lock.host === hostname()) return !lock.holders.some(alive);
  return Date.now() - lock.touched > SILENT_MS;
}

/** Writes the whole lock under another name first, so that no reader ever sees half of it. */
function create(path, content) {
  const temporary = `${path}.${process.pid}.${content.token}`;
  writeFileSync(temporary, JSON.stringify(content));
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Moves a dead lock aside; a live one that took its place in between is put back. */
function breakLock(path, dead) {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (read(aside)?.token !== dead.token) {
    try {
      linkSync(aside, path);
    } catch {
      // Somebody else holds it by now.
    }
  }
  rmSync(aside, { force: true });
}

/**
 * Runs `work` while holding the lock file at `path`; waits for a live owner, takes over from a dead one.
 * @template T
 * @param {string} path
 * @param {(lock: {adopt(pid: number): void}) => Promise<T>} work
 * @param {(pid: number | undefined) => void} [onWait] called once when somebody else holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  const token = Math.random().toString(36).slice(2);
  const content = { host: hostname(), token, holders: [holder(process.pid)] };
  for (let told = false; !create(path, content); ) {
    const other = read(path);
    if (!other) continue;
    if (stale(other)) {
      breakLock(path, other);
      continue;
    }
    if (!told) onWait?.((other.holders.find(alive) ?? other.holders[0])?.pid);
    told = true;
    await sleep(250);
  }
  const mine = () => read(path)?.token === token;
  const beat = setInterval(() => {
    if (mine()) utimesSync(path, new Date(), new Date());
  }, BEAT_MS);
  const adopt = (pid) => {
    content.holders.push(holder(pid));
    const temporary = `${path}.${process.pid}.${token}`;
    writeFileSync(temporary, JSON.stringify(content));
    renameSync(temporary, path);
  };
  try {
    return await work({ adopt });
  } finally {
    clearInterval(beat);
    if (mine()) rmSync(path, { force: true });
  }
}

/** A child that two held locks must both outlive. */
export const bothLocks = (...locks) => ({
  adopt(pid) {
    for (const lock of locks) lock.adopt(pid);
  },
});
