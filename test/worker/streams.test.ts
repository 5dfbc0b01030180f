import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { Streams } from '../../activities/streams.ts';
import type { Expression, PlanStep } from '../../compiler/plan/types.ts';
import type { PointRecord, Store } from '../../store/types.ts';
import { embeddedLayout } from '../../worker/embedded/layout.ts';
import { startServer, stopServer } from '../../worker/embedded/server.ts';
import { dataConverter } from '../../worker/payload-storage.ts';
import { WORKFLOW_QUEUE } from '../../worker/slots.ts';
import { WorkerHost } from '../../worker/workers.ts';
import type { ExperimentResult } from '../../workflows/types.ts';
import {
  children,
  createWorld,
  KINDS,
  stepsOf,
  until,
  validateParameters,
  type World,
} from '../activities/world.ts';
import { workflowBundle } from '../workflows/support/bundle.ts';
import { axis, input, matrix, plan, step } from '../workflows/support/plans.ts';

/** A real server, a real worker with one slot for heavy work, real compute processes. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: string;
let host: WorkerHost;
let done: Promise<void>;
let client: Client;
let world: World;
let store: Store;

beforeAll(async () => {
  server = mkdtempSync(join(tmpdir(), 'plumbline-streams-'));
  const [{ address }, bundle] = await Promise.all([startServer(embeddedLayout(server)), workflowBundle()]);
  world = await createWorld();
  store = world.store;
  const kinds = new Map(
    [...KINDS].map(([name, kind]) => [name, { ...kind, stream: { by: ['data'], sharedBytes: 0 } }]),
  );
  host = await WorkerHost.start({
    target: { address, namespace: 'default' },
    store,
    slots: { threads: 1, children: 2, queues: { 'plumb-gpu': 1, 'plumb-cpu': 1 } },
    streams: new Streams({ directory: world.directory, memoryBytes: 2 ** 34, kinds }),
    workflowBundle: bundle,
    logFile: join(server, 'worker.log'),
    activitiesFor: (over) => createActivities({ ...world.deps, store: over }, { kinds, validateParameters }),
  });
  done = host.run();
  client = new Client({
    connection: await Connection.connect({ address }),
    dataConverter: dataConverter(store),
  });
});

afterAll(async () => {
  host.stop();
  await done;
  await client.connection.close();
  await stopServer(embeddedLayout(server));
  rmSync(server, { recursive: true, force: true });
});

/** A step whose points walk: `params` may use `axis('i')`. */
function walks(
  id: string,
  count: number,
  params: PlanStep['params'],
  more: Partial<PlanStep> = {},
): PlanStep {
  return step(id, {
    kind: 'test.walk',
    queue: 'gpu',
    stream: ['data'],
    primary: 'table',
    matrix: matrix(count),
    params: { data: id, i: axis('i'), ...params },
    checkpointEvery: 10,
    retry: { attempts: 4, backoffSeconds: 0.1 },
    ...more,
  });
}

async function start(name: string, steps: PlanStep[], parallelism = 100) {
  return await client.workflow.start('experiment', {
    workflowId: name,
    taskQueue: WORKFLOW_QUEUE,
    args: [{ ...input(plan(name, steps)), parallelism }],
  });
}

async function recordsOf(run: string): Promise<PointRecord[]> {
  const names = await store.listDocuments('results/');
  const records = await Promise.all(names.map((name) => store.readDocument<PointRecord>(name)));
  return records
    .filter((record): record is PointRecord => record?.run.id === run)
    .sort((a, b) => a.run.point.localeCompare(b.run.point));
}

const outputs = (records: PointRecord[]) =>
  records.map(({ params, outputs, metrics }) => ({
    i: (params as { i: number }).i,
    table: (outputs.table as { digest: string }).digest,
    metrics,
  }));

const together = (records: PointRecord[]) => records.map(({ usage }) => usage.points ?? 1);

test('the points of a sweep on one stream share a process, and have the results that they have one by one', async () => {
  const side = await (await start('side', [walks('walks', 5, { steps: 40 })])).result();
  expect((side as ExperimentResult).counts).toMatchObject({ computed: 5, failed: 0 });
  const records = await recordsOf('side');
  expect(Math.max(...together(records))).toBeGreaterThan(2);
  expect(records.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1]);
  // The key covers all parameters: another name of the data makes other points.
  await (await start('single', [walks('other', 5, { steps: 40 })], 1)).result();
  const single = await recordsOf('single');
  expect(together(single)).toEqual([1, 1, 1, 1, 1]);
  expect(outputs(records)).toEqual(outputs(single));
});

test('points of several streams come group by group, though the step names them mixed', async () => {
  const mixed = walks('mixed', 6, { steps: 30 });
  mixed.matrix = {
    axes: [
      { name: 'i', values: [0, 1, 2] },
      { name: 'data', values: ['x', 'y'] },
    ],
    include: [],
    exclude: [],
    bound: 6,
  };
  mixed.params = { ...mixed.params, data: axis('data') };
  const ended = (await (await start('mixed', [mixed])).result()) as ExperimentResult;
  expect(ended.counts).toMatchObject({ computed: 6, failed: 0 });
  // Who comes within a second comes together: on a machine that is busy elsewhere perhaps not all.
  expect(Math.max(...together(await recordsOf('mixed')))).toBe(3);
});

test('other work that waits for the same slot is not held by a group that gathers', async () => {
  const steps = [
    walks('a', 3, { steps: 60, stepMs: 2 }),
    walks('b', 3, { steps: 60, stepMs: 2 }),
    step('c', { kind: 'test.walk', queue: 'gpu', primary: 'table', params: { steps: 5 } }),
  ];
  const ended = (await (await start('several', steps)).result()) as ExperimentResult;
  expect(ended.counts).toMatchObject({ computed: 7, failed: 0 });
});

test('one that fails and one that is cancelled end alone; the others go on', async () => {
  const traces = (i: number) => join(world.directory, `cancel-${i}`);
  const one = walks('cancel', 4, {
    steps: 150,
    stepMs: 10,
    trace: { $concat: [join(world.directory, 'cancel-'), axis('i')] },
  });
  one.params = { ...one.params, steps: { $expr: refusedAt3(150) } };
  const run = await start('cancel', [one]);
  await until(() => stepsOf(traces(0)).length > 15, 'some steps');
  await run.executeUpdate('cancelPoint', { args: ['cancel[i=1]'] });
  const failed = await run.result().then(
    () => expect.fail('a point was cancelled'),
    (error: WorkflowFailedError) => (error.cause as ApplicationFailure).details?.[0] as ExperimentResult,
  );
  expect(failed.counts).toMatchObject({ computed: 2, failed: 2 });
  expect(failed.failures.map(({ id, error }) => [id, error.code]).sort()).toEqual([
    ['cancel[i=1]', 'cancelled'],
    ['cancel[i=3]', 'bad-parameter'],
  ]);
  const records = await recordsOf('cancel');
  expect(records.map(({ run }) => run.point)).toEqual(['cancel[i=0]', 'cancel[i=2]']);
  // One that cannot start is not in the process at all.
  expect(together(records)).toEqual([3, 3]);
  // Those that went on did no step twice.
  for (const i of [0, 2]) expect(stepsOf(traces(i))).toEqual(Array.from({ length: 150 }, (_, at) => at));
  expect(stepsOf(traces(1)).length).toBeLessThan(150);
});

test('the process is killed: every point goes on from its own checkpoint, together again', async () => {
  const { directory, deps } = world;
  const entry = join(deps.dist, 'compute', 'child.js');
  const trace = (i: number) => join(directory, `killed-${i}`);
  const killed = walks('killed', 3, {
    steps: 120,
    stepMs: 5,
    trace: { $concat: [join(directory, 'killed-'), axis('i')] },
  });
  const run = await start('killed', [killed]);
  for (let kill = 1; kill <= 2; kill++) {
    await until(() => stepsOf(trace(2)).length > kill * 25, 'some steps');
    for (const pid of children(entry, directory)) process.kill(pid, 'SIGKILL');
    await sleep(500);
  }
  const ended = (await run.result()) as ExperimentResult;
  expect(ended.counts).toMatchObject({ computed: 3, failed: 0 });
  const records = await recordsOf('killed');
  expect(together(records)).toEqual([3, 3, 3]);
  for (const i of [0, 1, 2]) {
    const steps = stepsOf(trace(i));
    steps.forEach((at, n) => {
      const next = steps[n + 1];
      if (next !== undefined) expect(at + 1 - next).toBeLessThanOrEqual(10);
    });
    const log = readFileSync(join(directory, 'logs', 'killed', `killed[i=${i}].log`), 'utf8');
    expect(log).toContain('Going on from the checkpoint');
    expect(log).toMatch(/In one process with killed\[/);
  }
  const undisturbed = walks('calm', 3, { steps: 120 });
  await (await start('calm', [undisturbed])).result();
  expect(outputs(records)).toEqual(outputs(await recordsOf('calm')));
});

/** -1, which the kind refuses, where `matrix.i` is 3, else `steps`: min(steps, (3 - i) * 1000 - 1). */
function refusedAt3(steps: number): Expression {
  const literal = (value: number): Expression => ({ op: 'literal', value });
  const left: Expression = { op: 'binary', operator: '-', left: literal(3), right: axis('i').$expr };
  const times: Expression = { op: 'binary', operator: '*', left, right: literal(1000) };
  const less: Expression = { op: 'binary', operator: '-', left: times, right: literal(1) };
  return { op: 'call', function: 'min', args: [literal(steps), less] };
}
