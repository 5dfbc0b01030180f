import { UserError } from '../errors.ts';
import { openStoreOnly } from '../session.ts';

export interface WorkerOptions {
  /** Queues beyond the usual ones: `name` or `name=slots`. */
  queue?: string[];
}

/** `plumb worker`: serves the Temporal of TEMPORAL_ADDRESS in the foreground, until a signal; then it drains. */
export async function worker({ queue = [] }: WorkerOptions = {}): Promise<number> {
  const { settings } = openStoreOnly();
  const { temporal } = settings;
  if (!temporal) {
    throw new UserError(
      'TEMPORAL_ADDRESS names no server for this worker.',
      'Set it; for a server and worker of your own on this machine: plumb up',
    );
  }
  const { runWorker } = await import('../../worker/run.ts');
  process.stdout.write(
    `Working for ${temporal.address}, namespace ${temporal.namespace}, store ${settings.store}.\n`,
  );
  return await runWorker({ settings: { ...settings, temporal }, queues: queue, embedded: false });
}
