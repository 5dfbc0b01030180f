import { closeSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { ComputeError } from '../ml/failure.ts';
import { livenessOf, type ProcessIdentity, thisProcess } from '../store/process-identity.ts';

/** The owner shows that it lives so often; one that cannot be looked up is given up after several of these. */
const TOUCH_MS = 20_000;
const SILENT_MS = 6 * TOUCH_MS;

/**
 * Lets one process at a time write a ledger. A lock whose owner has died is taken over; so is one of another host, container
 * or boot that has shown no life for two minutes.
 * @returns gives the lock back
 * @throws ComputeError `ledger-busy`
 */
export function lockLedger(file: string): () => void {
  const path = `${file}.lock`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(path, 'wx');
      writeSync(handle, JSON.stringify(thisProcess()));
      closeSync(handle);
      const touching = setInterval(() => touch(path), TOUCH_MS).unref();
      return () => {
        clearInterval(touching);
        rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!abandoned(path)) break;
      rmSync(path, { force: true });
    }
  }
  throw new ComputeError('ledger-busy', `Another attempt is still writing the cost ledger ${file}.`, {
    retryable: true,
    retryAfterSeconds: 5,
  });
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Taken over, or the directory is gone: the next write to the ledger will tell.
  }
}

function abandoned(path: string): boolean {
  const silent = () => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > SILENT_MS;
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    const liveness = livenessOf(owner);
    return liveness === 'dead' || (liveness === 'unknown' && silent());
  } catch {
    return silent(); // being written, or torn by a crash
  }
}
