import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { PointOutcome, PointRequest } from '../activities/types.ts';
import type { Plan, PlanSearch } from '../compiler/plan/types.ts';
import { openStore } from '../store/open.ts';
import { workflowActivities } from '../worker/activities.ts';
import { embeddedLayout } from '../worker/embedded/layout.ts';
import { startServer, stopServer } from '../worker/embedded/server.ts';
import { dataConverter } from '../worker/payload-storage.ts';
import { WORKFLOW_QUEUE } from '../worker/slots.ts';
import type { ExperimentInput } from '../workflows/types.ts';
import { median } from './lib/processes.ts';
import type { Benchmark, Figure } from './types.ts';

const TRIALS = 500;
const PARALLEL = 10;
const RUNS = 3;
/** Times what the bare SDK takes. */
const BAR = 1.7;

/**
 * What a search costs beside what its trials do: 500 trials of nothing, as a whole run of an experiment, beside a workflow that
 * runs 500 activities of nothing, as many at a time, on the same server, the two in turn.
 */
export const benchmark: Benchmark = {
  summary: 'a search of 500 trials that do nothing, beside 500 activities of the bare Temporal SDK',
  async run({ root, directory, say }) {
    const quiet = {
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
    };
    Runtime.install(quiet);
    const layout = embeddedLayout(directory);
    const server = await startServer(layout);
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(root, 'bench/search-overhead/workflows.ts'),
      logger: new DefaultLogger('ERROR'),
    });
    const stand = await Stand.open(server.address, directory, code);
    try {
      await stand.bare(20);
      await stand.ours('random', 20);
      const figures: Figure[] = [];
      for (const sampler of ['random', 'tpe']) {
        const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
        for (let i = 0; i < RUNS; i++) {
          times.peer.push(await stand.bare(TRIALS));
          times.ours.push(await stand.ours(sampler, TRIALS));
          say(`${sampler}: ${times.ours.at(-1)!.toFixed(2)} s, bare ${times.peer.at(-1)!.toFixed(2)} s`);
        }
        const peer = median(times.peer);
        figures.push({
          name: `search of ${TRIALS} trials, ${sampler}`,
          ours: median(times.ours),
          peer,
          unit: 's',
          better: 'lower',
          bar: BAR * peer,
          peerVersion: 'bare Temporal SDK',
        });
      }
      return figures;
    } finally {
      await stand.close();
      await stopServer(layout);
    }
  },
};

/** Workers and clients of both sides, on one server. */
class Stand {
  private runs = 0;

  private constructor(
    private readonly oursClient: Client,
    private readonly bareClient: Client,
    private readonly workers: { worker: Worker; done: Promise<void> }[],
    private readonly connections: [Connection, NativeConnection],
  ) {}

  static async open(address: string, directory: string, code: string): Promise<Stand> {
    const store = openStore(join(directory, 'store'));
    const converter = dataConverter(store);
    const connection = await Connection.connect({ address });
    const native = await NativeConnection.connect({ address });
    const created = await Promise.all([
      Worker.create({
        connection: native,
        dataConverter: converter,
        taskQueue: WORKFLOW_QUEUE,
        workflowBundle: { code },
        activities: workflowActivities(store),
      }),
      Worker.create({
        connection: native,
        dataConverter: converter,
        taskQueue: 'plumb-cpu',
        activities: { 'bench.nothing': nothing },
      }),
      Worker.create({ connection: native, taskQueue: 'bare', workflowBundle: { code } }),
      Worker.create({
        connection: native,
        taskQueue: 'bare-cpu',
        activities: { noop: async (trial: number) => trial },
      }),
    ]);
    const workers = created.map((worker) => ({ worker, done: worker.run() }));
    return new Stand(
      new Client({ connection, dataConverter: converter }),
      new Client({ connection }),
      workers,
      [connection, native],
    );
  }

  async bare(trials: number): Promise<number> {
    return await this.timed(this.bareClient, 'bare', 'bare', [trials, PARALLEL]);
  }

  async ours(sampler: string, trials: number): Promise<number> {
    const input: ExperimentInput = {
      // Another name each time makes other keys.
      plan: planOf(`bench-${this.runs}`, sampler, trials),
      parallelism: 100,
      heartbeatSeconds: 30,
      searchAttributes: true,
    };
    return await this.timed(this.oursClient, 'experiment', WORKFLOW_QUEUE, [input]);
  }

  private async timed(client: Client, type: string, taskQueue: string, args: unknown[]): Promise<number> {
    this.runs += 1;
    const start = performance.now();
    await client.workflow.execute(type, { workflowId: `run-${this.runs}`, taskQueue, args });
    return (performance.now() - start) / 1000;
  }

  async close(): Promise<void> {
    for (const { worker } of this.workers) worker.shutdown();
    await Promise.all(this.workers.map(({ done }) => done));
    for (const connection of this.connections) await connection.close();
  }
}

/** An objective that costs nothing. */
async function nothing({ point }: PointRequest): Promise<PointOutcome> {
  const loss = (Number(point.params['x']) - 0.3) ** 2;
  return {
    status: 'accepted',
    key: point.key,
    cached: false,
    seconds: 0,
    dollars: 0,
    outputs: {},
    metrics: { loss: { value: loss } },
  };
}

function planOf(name: string, sampler: string, trials: number): Plan {
  const search: PlanSearch = {
    space: [
      { name: 'x', type: 'real', low: 0, high: 1, log: false },
      { name: 'y', type: 'real', low: 1e-5, high: 1, log: true },
    ],
    sampler: { type: sampler, options: {} },
    pruner: { type: 'none', options: {} },
    objectives: [{ metric: 'loss', direction: 'minimise' }],
    trials,
    parallel: PARALLEL,
    lag: PARALLEL,
    first: [],
  };
  const tried = (dimension: string) => ({
    $expr: { op: 'member', of: { op: 'name', name: 'search' }, name: dimension } as const,
  });
  return {
    format: 1,
    name,
    description: '',
    digest: name,
    source: { path: '', sha256: '' },
    seeds: [0],
    inputs: {},
    feedback: null,
    paths: {},
    expect: [],
    steps: [
      {
        id: 'trials',
        kind: 'bench.nothing',
        kindVersion: 1,
        stage: 'data',
        primary: null,
        needs: [],
        requires: [],
        seeding: 'shared',
        seedInKey: false,
        bound: trials,
        search,
        params: { name, x: tried('x'), y: tried('y') },
        notInKey: [],
        queue: 'cpu',
        retry: { attempts: 1, backoffSeconds: 1 },
        timeoutSeconds: 60,
        stallSeconds: 30,
        secrets: [],
      },
    ],
  };
}
