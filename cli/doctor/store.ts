import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { StoreError } from '../../store/error.ts';
import { openStore } from '../../store/open.ts';
import type { Finding } from './finding.ts';
import { bad, formatBytes, ok } from './finding.ts';

/** Below this a run of a small model with its checkpoints does not fit. */
const TIGHT = 5e9;
const FULL = 5e8;

/** Where artifacts will go, whether they can be written there, and how much fits. Creates nothing. */
export async function storeFinding(location: string): Promise<Finding> {
  const name = 'store';
  if (location.includes('://') && !location.startsWith('file:')) return remoteFinding(name, location);
  const path = resolve(location);
  const present = nearestExisting(path);
  const facts = { path, exists: present === path };
  try {
    accessSync(present, constants.W_OK | constants.X_OK);
  } catch {
    return bad(
      'error',
      name,
      `${present} is not writable`,
      `sudo chown -R "$USER" ${present}, or work in another folder`,
      facts,
    );
  }
  const { bavail, bsize } = await statfs(present);
  const free = bavail * bsize;
  const text = `${path}, writable${facts.exists ? '' : ' (made by the first run)'}, ${formatBytes(free)} free`;
  const all = { ...facts, free_bytes: free };
  if (free < TIGHT) {
    return bad(
      free < FULL ? 'error' : 'warning',
      name,
      text,
      `free space on the disk of ${present}: df -h ${present}`,
      all,
    );
  }
  return ok(name, text, all);
}

/** Whether the bucket answers and lets us look into it. */
async function remoteFinding(name: string, location: string): Promise<Finding> {
  try {
    const store = openStore(location);
    const results = (await store.listDocuments('results/')).length;
    const text = `${store.location} answers, ${results} result${results === 1 ? '' : 's'}`;
    return ok(name, text, { location: store.location, results });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return bad('error', name, error.message, error.hint, { code: error.code });
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
