import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { livenessOf, type ProcessIdentity } from '../../store/process-identity.ts';
import { EmbeddedError } from './error.ts';
import { readJson } from './json-file.ts';
import type { EmbeddedLayout } from './layout.ts';
import { endProcess, isAlive } from './processes.ts';

/** `worker.json`: written by the worker itself, removed when it leaves. */
export interface WorkerFile {
  process: ProcessIdentity;
  /** The build that it runs. */
  build: string;
  address: string;
  store: string;
  /** Queues beyond the usual ones. */
  queues: string[];
  ready: boolean;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'dist', 'worker', 'main.js');
const START_SECONDS = 60;
/** Longer than the worker's own limit for saving checkpoints. */
const STOP_SECONDS = 75;

/** Which build lies in dist/. */
export function currentBuild(): string {
  try {
    return createHash('sha256')
      .update(readFileSync(join(ROOT, 'dist', '.build.json')))
      .digest('hex')
      .slice(0, 12);
  } catch {
    return 'unknown';
  }
}

export function findWorker({ worker }: EmbeddedLayout): WorkerFile | null {
  const file = readJson<WorkerFile>(worker);
  return file && livenessOf(file.process) === 'alive' ? file : null;
}

export interface WorkerWish {
  address: string;
  store: string;
  queues: string[];
}

/** Why a worker that runs will not do; null when it will. */
export function whyUnfit(worker: WorkerFile, wish: WorkerWish): string | null {
  if (worker.address !== wish.address) return 'the server has moved';
  if (worker.build !== currentBuild()) return 'Plumbline was built anew';
  if (worker.store !== wish.store) return `it uses the store ${worker.store}`;
  const missing = wish.queues.filter((queue) => !worker.queues.includes(queue));
  return missing.length > 0 ? `it does not serve ${missing.join(', ')}` : null;
}

/** Starts a worker and waits until it takes work. */
export async function startWorker(layout: EmbeddedLayout, wish: WorkerWish): Promise<WorkerFile> {
  if (!existsSync(ENTRY)) {
    throw new EmbeddedError('worker-failed', `${ENTRY} is missing.`, 'Build Plumbline: npm run setup');
  }
  mkdirSync(dirname(layout.workerOutput), { recursive: true });
  const output = openSync(layout.workerOutput, 'w');
  const { address, store, queues } = wish;
  const child = spawn(
    process.execPath,
    [
      ...[ENTRY, '--directory', layout.directory, '--address', address, '--store', store],
      ...queues.flatMap((queue) => ['--queue', queue]),
    ],
    { detached: true, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  child.unref();
  const pid = child.pid ?? 0;
  for (const until = Date.now() + START_SECONDS * 1000; ; await sleep(50)) {
    const worker = findWorker(layout);
    if (worker?.ready) return worker;
    if (!isAlive(pid) && !worker) throw didNotStart(layout, 'it ended');
    if (Date.now() > until) {
      await endProcess(pid, 5);
      throw didNotStart(layout, `it was not ready within ${START_SECONDS} s`);
    }
  }
}

/** Lets the worker save what it computes, and leave. */
export async function stopWorker(layout: EmbeddedLayout): Promise<void> {
  const worker = findWorker(layout);
  if (worker) await endProcess(worker.process.pid, STOP_SECONDS);
}

function didNotStart({ workerOutput, workerLog }: EmbeddedLayout, why: string): EmbeddedError {
  const said = readFileSync(workerOutput, 'utf8').trim().split('\n').slice(-3).join('\n');
  return new EmbeddedError(
    'worker-failed',
    `The worker did not start: ${said || why}`,
    `Its logs are ${workerOutput} and ${workerLog}; \`plumb doctor\` looks at the rest.`,
  );
}
