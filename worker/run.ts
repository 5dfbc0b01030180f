import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createActivities } from '../activities/index.ts';
import { Streams } from '../activities/streams.ts';
import { KINDS } from '../compiler/kinds/registry.ts';
import { openStore } from '../store/open.ts';
import { thisProcess } from '../store/process-identity.ts';
import { writeJson } from './embedded/json-file.ts';
import { embeddedLayout } from './embedded/layout.ts';
import { withLock } from './embedded/lock.ts';
import { currentBuild, findWorker, type WorkerFile } from './embedded/worker.ts';
import { jsonLogger } from './json-log.ts';
import { memoryBytes } from './memory.ts';
import { type HealthPort, Operations } from './operations.ts';
import type { Settings } from './settings.ts';
import { parseQueue, parseQueues, slotsOf } from './slots.ts';
import type { TemporalTarget } from './target.ts';
import { WorkerHost } from './workers.ts';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

export interface WorkerRunOptions {
  settings: Settings & { temporal: TemporalTarget };
  /** Beyond the usual ones: `name` or `name=slots`. */
  queues: string[];
  /** In place of all of them: the only ones to serve (`workflow`: the runs themselves), as `gpu,cpu=2`. */
  onlyQueues?: string;
  /** `json`: every line, those of points included, as an object on stdout. `text`: into files of the state directory. */
  logFormat?: 'text' | 'json';
  /** Where `/healthz`, `/readyz` and `/metrics` are answered. */
  health?: HealthPort;
  /** Registers in the state directory as its one worker. */
  embedded: boolean;
}

/** Runs this process as a worker until it is told to stop. @returns the exit code */
export async function runWorker(options: WorkerRunOptions): Promise<number> {
  const { settings, queues, embedded } = options;
  const { directory, temporal } = settings;
  const layout = embeddedLayout(directory);
  const file: WorkerFile = {
    process: thisProcess(),
    build: currentBuild(),
    address: temporal.address,
    store: settings.store,
    queues,
    ready: false,
  };
  if (embedded && !(await register(directory, file))) return 0;
  const operations = await Operations.open(options.health);
  try {
    const slots = slotsOf({
      add: Object.fromEntries(queues.map(parseQueue)),
      ...(options.onlyQueues !== undefined && { only: parseQueues(options.onlyQueues) }),
    });
    const logger =
      options.logFormat === 'json' ? jsonLogger((line) => process.stdout.write(line)) : undefined;
    const store = openStore(settings.store);
    const commit = gitCommit();
    const host = await WorkerHost.start({
      target: temporal,
      store,
      slots,
      streams: new Streams({ directory, memoryBytes: memoryBytes(), kinds: KINDS }),
      workflowBundle: join(DIST, 'workflow-bundle.js'),
      logFile: layout.workerLog,
      ...(logger && { logger }),
      ...(operations.metricsAddress && { metricsAddress: operations.metricsAddress }),
      connectSeconds: 30,
      activitiesFor: (over, metrics) =>
        createActivities({
          store: over,
          directory,
          dist: DIST,
          threads: slots.threads,
          onCheckpoint: (kind, seconds) => metrics.checkpoint(kind, seconds),
          ...(logger && { onLogLine: (where, line) => logger.info(line, { ...where }) }),
          ...(commit && { commit }),
        }),
    });
    operations.attach(host);
    if (embedded) writeJson(layout.worker, { ...file, ready: true } satisfies WorkerFile);
    await host.run();
    return 0;
  } finally {
    await operations.close();
    if (embedded) rmSync(layout.worker, { force: true });
  }
}

/** @returns false when another worker serves the directory already */
async function register(directory: string, file: WorkerFile): Promise<boolean> {
  const layout = embeddedLayout(directory);
  return await withLock(`${layout.worker}.lock`, async () => {
    if (findWorker(layout)) return false;
    writeJson(layout.worker, file);
    return true;
  });
}

/** The commit of this code: of a checkout, or what the build of an image was told (infra/docker). */
function gitCommit(): string | undefined {
  const told = process.env['PLUMBLINE_COMMIT'];
  if (told) return told;
  try {
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
