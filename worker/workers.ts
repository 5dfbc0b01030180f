import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Streams } from '../activities/streams.ts';
import type { Store } from '../store/types.ts';
import { taskQueue } from '../workflows/execution.ts';
import { hostActivities, type PointActivity, workflowActivities } from './activities.ts';
import { fileLogger } from './log.ts';
import { dataConverter } from './payload-storage.ts';
import { type Slots, WORKFLOW_QUEUE } from './slots.ts';
import { streamTuner } from './stream-slots.ts';
import type { TemporalTarget } from './target.ts';

export interface HostOptions {
  target: TemporalTarget;
  store: Store;
  slots: Slots;
  streams: Streams;
  /** The built workflow code. */
  workflowBundle: string;
  logFile: string;
  activitiesFor(store: Store): Record<string, PointActivity>;
  /** How long to wait for a server that is still starting. */
  connectSeconds?: number;
}

/**
 * On a shutdown signal activities are told at once to save a checkpoint and leave (waiting would only let the host's notice
 * run out); this is how long they may take before the process goes anyway.
 */
const DRAIN = '60s';

/** How often progress of a running point reaches the server, at most. */
const HEARTBEAT_INTERVAL = '2s';

/** The workers of one host: one for the workflows, one a task queue. */
export class WorkerHost {
  private constructor(
    private readonly connection: NativeConnection,
    private readonly workers: Worker[],
  ) {}

  static async start(options: HostOptions): Promise<WorkerHost> {
    const { target, store, slots, streams } = options;
    Runtime.install({
      logger: fileLogger(options.logFile),
      telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    });
    const connection = await connect(target, options.connectSeconds ?? 10);
    const shared: Pick<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'shutdownForceTime'> = {
      connection,
      namespace: target.namespace,
      dataConverter: dataConverter(store),
      shutdownForceTime: DRAIN,
    };
    const activities = hostActivities(store, slots.children, streams, options.activitiesFor);
    const workers = await Promise.all([
      Worker.create({
        ...shared,
        taskQueue: WORKFLOW_QUEUE,
        workflowBundle: { codePath: options.workflowBundle },
        activities: workflowActivities(store),
        maxConcurrentActivityTaskExecutions: 10,
      }),
      ...Object.entries(slots.queues).map(([queue, count]) =>
        Worker.create({
          ...shared,
          taskQueue: queue,
          activities,
          ...(trains(queue)
            ? { tuner: streamTuner(streams, queue, count) }
            : { maxConcurrentActivityTaskExecutions: count }),
          maxConcurrentActivityTaskPolls: Math.min(count, 4),
          maxHeartbeatThrottleInterval: HEARTBEAT_INTERVAL,
        }),
      ),
    ]);
    return new WorkerHost(connection, workers);
  }

  /** Until a shutdown signal, or until one of the workers fails, which ends all. */
  async run(): Promise<void> {
    try {
      await Promise.all(this.workers.map((worker) => worker.run()));
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      await this.connection.close().catch(() => undefined);
    }
  }

  /** As a shutdown signal does: what runs is told to save a checkpoint and leave, and then `run` returns. */
  stop(): void {
    for (const worker of this.workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  }
}

/** Where points may come that share a process: all queues but those of light work. */
function trains(queue: string): boolean {
  return queue !== taskQueue('cpu') && queue !== taskQueue('label');
}

async function connect(target: TemporalTarget, seconds: number): Promise<NativeConnection> {
  const { address, apiKey, tls } = target;
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await NativeConnection.connect({ address, ...(apiKey && { apiKey }), ...(tls && { tls }) });
    } catch (error) {
      if (Date.now() > until)
        throw new Error(`No Temporal server answers at ${address}: ${(error as Error).message}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
