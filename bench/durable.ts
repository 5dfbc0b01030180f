import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { PointOutcome, PointRequest } from '../activities/types.ts';
import type { Plan } from '../compiler/plan/types.ts';
import { openStore } from '../store/open.ts';
import { workflowActivities } from '../worker/activities.ts';
import { embeddedLayout } from '../worker/embedded/layout.ts';
import { startServer, stopServer } from '../worker/embedded/server.ts';
import { dataConverter } from '../worker/payload-storage.ts';
import { WORKFLOW_QUEUE } from '../worker/slots.ts';
import type { ExperimentInput } from '../workflows/types.ts';
import { median } from './lib/processes.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

const POINTS = 1000;
const PARALLEL = 50;
const RUNS = 3;
/** Of the bare SDK's rate. */
const BAR = 0.6;
/** Milliseconds from scheduling a point to accepting it, when the machine is not saturated. */
const LATENCY_BAR = 50;
const LARGE = 10_000;
/** Events of the longest run, and seconds of its replay. */
const EVENTS_BAR = 4096;
const REPLAY_BAR = 5;

/**
 * What durability costs beside what points do: a sweep of points that do nothing, beside a workflow that runs as many activities of
 * nothing, as many at a time, on the same server, the two in turn. Then a sweep of 10,000: its longest history and its replay.
 */
export const benchmark: Benchmark = {
  summary: 'sweeps of points that do nothing, beside activities of the bare Temporal SDK',
  async run({ root, directory, say }) {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
    });
    const layout = embeddedLayout(directory);
    const server = await startServer(layout);
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(root, 'bench/durable/workflows.ts'),
      logger: new DefaultLogger('ERROR'),
    });
    const stand = await Stand.open(server.address, directory, code);
    try {
      await stand.bare(20, PARALLEL);
      await stand.ours(20, PARALLEL);
      return [await rate(stand, say), await latency(stand, say), ...(await largeSweep(stand, code, say))];
    } finally {
      await stand.close();
      await stopServer(layout);
    }
  },
};

const peerVersion = 'bare Temporal SDK';
type Say = BenchmarkContext['say'];

async function rate(stand: Stand, say: Say): Promise<Figure> {
  const rates: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let i = 0; i < RUNS; i++) {
    rates.peer.push(POINTS / (await stand.bare(POINTS, PARALLEL)).seconds);
    rates.ours.push(POINTS / (await stand.ours(POINTS, PARALLEL)).seconds);
    say(`${rates.ours.at(-1)!.toFixed(0)} points/s, bare ${rates.peer.at(-1)!.toFixed(0)} activities/s`);
  }
  const peer = median(rates.peer);
  return {
    name: `points of nothing, ${PARALLEL} at a time`,
    ours: median(rates.ours),
    peer,
    unit: 'points/s',
    better: 'higher',
    bar: BAR * peer,
    peerVersion,
  };
}

/** One at a time: how long a point takes, not how long it waits for others. */
async function latency(stand: Stand, say: Say): Promise<Figure> {
  const peer = await stand.latencies((await stand.bare(100, 1)).id);
  const ours = await stand.latencies(`${(await stand.ours(100, 1)).id}/sweep`);
  say(`from scheduled to accepted: ${median(ours).toFixed(1)} ms, bare ${median(peer).toFixed(1)} ms`);
  return {
    name: 'scheduled to accepted, median',
    ours: median(ours),
    peer: median(peer),
    unit: 'ms',
    better: 'lower',
    bar: LATENCY_BAR,
    peerVersion,
  };
}

async function largeSweep(stand: Stand, code: string, say: Say): Promise<Figure[]> {
  const { id, seconds } = await stand.ours(LARGE, 200);
  say(`${LARGE} points in ${seconds.toFixed(0)} s`);
  const sweeps = await stand.runsOf(`${id}/sweep`);
  const longest = sweeps.reduce((a, b) => (b.events > a.events ? b : a));
  const history = await stand.history(`${id}/sweep`, longest.runId);
  const began = performance.now();
  await Worker.runReplayHistory(
    { workflowBundle: { code }, dataConverter: stand.converter },
    history,
    `${id}/sweep`,
  );
  const replay = (performance.now() - began) / 1000;
  say(`${sweeps.length} runs, the longest of ${longest.events} events, replayed in ${replay.toFixed(1)} s`);
  // What is allowed takes the place of a peer: the bare SDK does not hand over.
  const of = (name: string, ours: number, bar: number, unit: string): Figure => ({
    ...{ name, ours, peer: bar, unit, better: 'lower', bar, peerVersion: 'the bar' },
  });
  return [
    of(`longest history of ${LARGE} points`, longest.events, EVENTS_BAR, 'events'),
    of('its replay', replay, REPLAY_BAR, 's'),
  ];
}

interface Ended {
  id: string;
  seconds: number;
}

/** Workers and clients of both sides, on one server. */
class Stand {
  private runs = 0;

  private constructor(
    private readonly oursClient: Client,
    private readonly bareClient: Client,
    private readonly workers: { worker: Worker; done: Promise<void> }[],
    private readonly connections: [Connection, NativeConnection],
    readonly converter: ReturnType<typeof dataConverter>,
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
        activities: { noop: async (point: number) => point },
      }),
    ]);
    const workers = created.map((worker) => ({ worker, done: worker.run() }));
    return new Stand(
      new Client({ connection, dataConverter: converter }),
      new Client({ connection }),
      workers,
      [connection, native],
      converter,
    );
  }

  async bare(points: number, parallel: number): Promise<Ended> {
    return await this.timed(this.bareClient, 'bare', 'bare', [points, parallel]);
  }

  async ours(points: number, parallelism: number): Promise<Ended> {
    const input: ExperimentInput = {
      // Another name each time makes other keys.
      plan: planOf(`bench-${this.runs}`, points),
      parallelism,
      heartbeatSeconds: 30,
      searchAttributes: true,
    };
    return await this.timed(this.oursClient, 'experiment', WORKFLOW_QUEUE, [input]);
  }

  /** Of each activity, from its schedule to its completion, in milliseconds. */
  async latencies(workflowId: string): Promise<number[]> {
    const { events } = await this.bareClient.workflow.getHandle(workflowId).fetchHistory();
    const at = (time: { seconds?: unknown; nanos?: number | null } | null | undefined) =>
      Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
    const scheduled = new Map((events ?? []).map((event) => [String(event.eventId), at(event.eventTime)]));
    return (events ?? []).flatMap(({ activityTaskCompletedEventAttributes: completed, eventTime }) =>
      completed ? [at(eventTime) - (scheduled.get(String(completed.scheduledEventId)) ?? 0)] : [],
    );
  }

  async runsOf(workflowId: string): Promise<{ runId: string; events: number }[]> {
    const runs: { runId: string; events: number }[] = [];
    const query = `WorkflowId = "${workflowId}"`;
    for await (const { runId, historyLength } of this.bareClient.workflow.list({ query }))
      runs.push({ runId, events: historyLength });
    return runs;
  }

  async history(workflowId: string, runId: string) {
    return await this.bareClient.workflow.getHandle(workflowId, runId).fetchHistory();
  }

  private async timed(client: Client, type: string, taskQueue: string, args: unknown[]): Promise<Ended> {
    this.runs += 1;
    const id = `run-${this.runs}`;
    const start = performance.now();
    await client.workflow.execute(type, { workflowId: id, taskQueue, args });
    return { id, seconds: (performance.now() - start) / 1000 };
  }

  async close(): Promise<void> {
    for (const { worker } of this.workers) worker.shutdown();
    await Promise.all(this.workers.map(({ done }) => done));
    for (const connection of this.connections) await connection.close();
  }
}

async function nothing({ point }: PointRequest): Promise<PointOutcome> {
  return {
    ...{ status: 'accepted', key: point.key, cached: false, seconds: 0, dollars: 0 },
    ...{ outputs: {}, metrics: {} },
  };
}

function planOf(name: string, points: number): Plan {
  const values = Array.from({ length: points }, (_, i) => i);
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
        id: 'sweep',
        kind: 'bench.nothing',
        kindVersion: 1,
        stage: 'data',
        primary: null,
        needs: [],
        requires: [],
        seeding: 'shared',
        seedInKey: false,
        bound: points,
        matrix: { axes: [{ name: 'i', values }], include: [], exclude: [], bound: points },
        params: { name, i: { $expr: { op: 'member', of: { op: 'name', name: 'matrix' }, name: 'i' } } },
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
