import { join } from 'node:path';

/** The files of an embedded Temporal in the state directory. */
export function embeddedLayout(directory: string) {
  return {
    directory,
    /** Temporal's own state: every history. */
    database: join(directory, 'temporal.db'),
    /** ServerFile: ports, remembered so that addresses stay the same. */
    server: join(directory, 'server.json'),
    /** WorkerFile: the worker that serves this directory. */
    worker: join(directory, 'worker.json'),
    /** Held while processes are started or stopped. */
    lock: join(directory, 'embedded.lock'),
    /** A file for each attached command, named by its process. */
    attached: join(directory, 'attached'),
    serverLog: join(directory, 'logs', 'server.log'),
    workerLog: join(directory, 'logs', 'worker.log'),
    /** What the worker process prints: only what happens before its log is open. */
    workerOutput: join(directory, 'logs', 'worker.out'),
  };
}

export type EmbeddedLayout = ReturnType<typeof embeddedLayout>;

export interface ServerFile {
  port: number;
  uiPort: number;
  /** Stays when the last attached command ends: `plumb up`, or a run that was detached. */
  keep: boolean;
}
