import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { PointOutcome, PointRequest } from '../../../activities/types.ts';
import type { Plan } from '../../../compiler/plan/types.ts';
import { openStore } from '../../../store/open.ts';
import type { Store } from '../../../store/types.ts';
import { workflowActivities } from '../../../worker/activities.ts';
import { embeddedLayout } from '../../../worker/embedded/layout.ts';
import { freePort } from '../../../worker/embedded/ports.ts';
import { findServer, startServer, stopServer } from '../../../worker/embedded/server.ts';
import { withEncryptedFailures } from '../../../worker/encryption/failures.ts';
import type { KeyRing } from '../../../worker/encryption/keys.ts';
import { dataConverter } from '../../../worker/payload-storage.ts';
import { WORKFLOW_QUEUE } from '../../../worker/slots.ts';
import type { ExperimentInput } from '../../../workflows/types.ts';
import { workflowBundle } from './bundle.ts';
import { input } from './plans.ts';

export type Behaviour = (
  request: PointRequest,
  attempt: number,
) => Promise<Partial<Accepted>> | Partial<Accepted>;
type Accepted = Extract<PointOutcome, { status: 'accepted' }>;

/**
 * A real Temporal server and real workers, with activities that do what a test says. Results are remembered by key, as the
 * store does for real ones, so that what ran can be counted.
 */
export class Laboratory {
  /** Every call of an activity that computed: `point id`. */
  readonly ran: string[] = [];
  readonly results = new Map<string, Accepted>();
  readonly requests: PointRequest[] = [];
  behaviour: Behaviour = () => ({});
  /** Highest number of activities at once, over all queues. */
  peak = 0;
  private active = 0;
  private workers: { worker: Worker; done: Promise<void> }[] = [];

  private constructor(
    readonly directory: string,
    readonly client: Client,
    readonly address: string,
    readonly store: Store,
    private readonly native: NativeConnection,
    private readonly bundle: string,
    private readonly cachedWorkflows: number | undefined,
    private readonly serverArguments: string[],
    private readonly keys: KeyRing | null,
  ) {}

  static async open(
    options: { serverArguments?: string[]; cachedWorkflows?: number; keys?: KeyRing } = {},
  ): Promise<Laboratory> {
    const directory = mkdtempSync(join(tmpdir(), 'plumbline-lab-'));
    const quiet = {
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
    };
    if (!Runtime._instance) Runtime.install(quiet);
    const [server, bundle] = await Promise.all([
      startServer(embeddedLayout(directory), options.serverArguments),
      workflowBundle(),
    ]);
    const store = openStore(join(directory, 'store'));
    const connection = await Connection.connect({ address: server.address });
    const keys = options.keys ?? null;
    const client = new Client({ connection, dataConverter: dataConverter(store, keys) });
    const native = await NativeConnection.connect({ address: server.address });
    const lab = new Laboratory(
      directory,
      client,
      server.address,
      store,
      native,
      bundle,
      options.cachedWorkflows,
      options.serverArguments ?? [],
      keys,
    );
    await lab.startWorkers();
    return lab;
  }

  async startWorkers(): Promise<void> {
    const shared = {
      connection: this.native,
      dataConverter: dataConverter(this.store, this.keys),
      shutdownForceTime: '10s',
    };
    const cache = this.cachedWorkflows;
    const workers = await Promise.all([
      Worker.create({
        ...shared,
        taskQueue: WORKFLOW_QUEUE,
        workflowBundle: this.keys
          ? { code: withEncryptedFailures(readFileSync(this.bundle, 'utf8')) }
          : { codePath: this.bundle },
        activities: workflowActivities(this.store),
        ...(cache !== undefined && { maxCachedWorkflows: cache }),
      }),
      ...['plumb-cpu', 'plumb-gpu', 'other-queue'].map((taskQueue) =>
        Worker.create({
          ...shared,
          taskQueue,
          activities: { 'test.work': this.activity, 'test.train': this.activity, report: this.activity },
          maxHeartbeatThrottleInterval: 100,
        }),
      ),
    ]);
    this.workers = workers.map((worker) => ({ worker, done: worker.run() }));
  }

  /** Kills the server at once, and starts it again on its database. */
  async restartServer(): Promise<void> {
    const layout = embeddedLayout(this.directory);
    const server = findServer(layout);
    if (!server) throw new Error('no server runs');
    process.kill(server.pid, 'SIGKILL');
    const port = Number(this.address.split(':')[1]);
    // Its sockets outlive it by a moment.
    await until('the server is gone', async () => (await freePort([port])) === port);
    const { address } = await startServer(layout, this.serverArguments);
    if (address !== this.address) throw new Error(`the server came back at ${address}`);
  }

  async stopWorkers(): Promise<void> {
    for (const { worker } of this.workers) worker.shutdown();
    await Promise.all(this.workers.map(({ done }) => done));
    this.workers = [];
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.client.connection.close();
    await this.native.close();
    await stopServer(embeddedLayout(this.directory));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Starts a run of a plan under the workflow id `id`. */
  async start(id: string, plan: Plan, more: Partial<ExperimentInput> = {}) {
    return await this.client.workflow.start('experiment', {
      workflowId: id,
      taskQueue: WORKFLOW_QUEUE,
      args: [input(plan, more)],
    });
  }

  private readonly activity = async (request: PointRequest): Promise<PointOutcome> => {
    const { point } = request;
    this.requests.push(request);
    const accepted = this.results.get(point.key);
    if (accepted && !request.recompute) return { ...accepted, cached: true };
    this.active += 1;
    this.peak = Math.max(this.peak, this.active);
    try {
      this.ran.push(point.id);
      const given = await this.behaviour(request, Context.current().info.attempt);
      if ((given as PointOutcome).status === 'suspended') return given as PointOutcome;
      const outcome: Accepted = {
        status: 'accepted',
        key: point.key,
        cached: false,
        seconds: 1,
        dollars: 0.5,
        outputs: { value: point.id },
        metrics: { loss: { value: 0.25 } },
        ...given,
      };
      this.results.set(point.key, outcome);
      return outcome;
    } finally {
      this.active -= 1;
    }
  };
}

/** A failure as activities throw it. */
export function failure(code: string, message: string, more: { hint?: string; retryable?: boolean } = {}) {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: !more.retryable,
    details: [{ hint: more.hint }],
  });
}

/** Waits until something holds, failing with a sentence after ten seconds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
