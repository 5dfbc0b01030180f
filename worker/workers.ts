import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Streams } from '../activities/streams.ts';
import type { Store } from '../store/types.ts';
import { taskQueue } from '../workflows/execution.ts';
import { hostActivities, type PointActivity, workflowActivities } from './activities.ts';
import { withEncryptedFailures } from './encryption/failures.ts';
import { keysFromEnvironment } from './encryption/keys.ts';
import { fileLogger } from './log.ts';
import { HISTOGRAM_BOUNDS, PointMetrics } from './metrics.ts';
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
  /** In place of one that writes to `logFile`. */
  logger?: Logger;
  /** Where metrics can be read, as `HOST:PORT`; absent: nowhere. */
  metricsAddress?: string;
  activitiesFor(store: Store, metrics: PointMetrics): Record<string, PointActivity>;
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
    private readonly store: Store,
  ) {}

  static async start(options: HostOptions): Promise<WorkerHost> {
    const { target, store, slots, streams } = options;
    const { metricsAddress } = options;
    Runtime.install({
      logger: options.logger ?? fileLogger(options.logFile),
      telemetryOptions: {
        logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
        ...(metricsAddress && { metrics: exporter(metricsAddress) }),
      },
    });
    const metrics = new PointMetrics(Runtime.instance().metricMeter, Object.keys(slots.queues));
    const connection = await connect(target, options.connectSeconds ?? 10);
    const keys = keysFromEnvironment(process.env);
    const shared: Pick<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'shutdownForceTime'> = {
      connection,
      namespace: target.namespace,
      dataConverter: dataConverter(store, keys),
      shutdownForceTime: DRAIN,
    };
    const activities = hostActivities(store, slots.children, streams, metrics, (over) =>
      options.activitiesFor(over, metrics),
    );
    const workflows = () =>
      Worker.create({
        ...shared,
        taskQueue: WORKFLOW_QUEUE,
        workflowBundle: keys
          ? { code: withEncryptedFailures(readFileSync(options.workflowBundle, 'utf8')) }
          : { codePath: options.workflowBundle },
        activities: workflowActivities(store),
        maxConcurrentActivityTaskExecutions: 10,
      });
    const workers = await Promise.all([
      ...(slots.workflows === false ? [] : [workflows()]),
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
    return new WorkerHost(connection, workers, store);
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

  /** Why it takes no work now: it drains, or server or store do not answer. Null when it does. */
  async notReady(): Promise<string | null> {
    const states = new Set(this.workers.map((worker) => worker.getState()));
    if ([...states].some((state) => state !== 'RUNNING')) return `its workers are ${[...states].join(', ')}`;
    const { connection, store } = this;
    const asked = [
      silence('Temporal', () =>
        connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.getSystemInfo({})),
      ),
      // One that is not there: what matters is that the store says so.
      silence('the store', () => store.readDocument('runs/none/run')),
    ];
    return (await Promise.all(asked)).find((why) => why !== null) ?? null;
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

function exporter(bindAddress: string) {
  return {
    attachServiceName: false,
    prometheus: {
      bindAddress,
      countersTotalSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: HISTOGRAM_BOUNDS,
    },
  };
}

/** How long server and store may take to answer before a worker says that it is not ready. */
const ANSWER_MS = 2_000;

async function silence(what: string, ask: () => Promise<unknown>): Promise<string | null> {
  try {
    await Promise.race([
      ask(),
      sleep(ANSWER_MS, undefined, { ref: false }).then(() => {
        throw new Error(`not within ${ANSWER_MS / 1000} s`);
      }),
    ]);
    return null;
  } catch (error) {
    return `${what} does not answer: ${(error as Error).message}`;
  }
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
