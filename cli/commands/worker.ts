import { type HealthPort, healthPortFrom } from '../../worker/operations.ts';
import { parseQueue, parseQueues } from '../../worker/slots.ts';
import { UserError } from '../errors.ts';
import { openStoreOnly } from '../session.ts';

export interface WorkerOptions {
  /** Queues beyond the usual ones: `name` or `name=slots`. */
  queue?: string[];
  /** The only queues to serve: `gpu,cpu=2`. */
  queues?: string;
  logFormat?: 'text' | 'json';
}

/** `plumb worker`: serves the Temporal of TEMPORAL_ADDRESS in the foreground, until a signal; then it drains. */
export async function worker({
  queue = [],
  queues,
  logFormat = 'text',
}: WorkerOptions = {}): Promise<number> {
  const { settings } = openStoreOnly();
  const { temporal } = settings;
  if (!temporal) {
    throw new UserError(
      'TEMPORAL_ADDRESS names no server for this worker.',
      'Set it; for a server and worker of your own on this machine: plumb up',
    );
  }
  checkQueues(queue, queues);
  const health = healthPortFrom(process.env);
  const { runWorker } = await import('../../worker/run.ts');
  if (logFormat === 'text') process.stdout.write(greeting({ ...settings, temporal }, health));
  return await runWorker({
    settings: { ...settings, temporal },
    queues: queue,
    ...(queues !== undefined && { onlyQueues: queues }),
    logFormat,
    ...(health && { health }),
    embedded: false,
  });
}

/** Before anything starts. */
function checkQueues(more: string[], only: string | undefined): void {
  try {
    more.map(parseQueue);
    if (only !== undefined) parseQueues(only);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

function greeting(
  { temporal, store }: { temporal: { address: string; namespace: string }; store: string },
  health: HealthPort | null,
): string {
  const where = `Working for ${temporal.address}, namespace ${temporal.namespace}, store ${store}.\n`;
  return health
    ? `${where}Health and metrics: http://127.0.0.1:${health.port}/healthz /readyz /metrics\n`
    : where;
}
