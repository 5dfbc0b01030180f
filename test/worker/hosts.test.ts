import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { PlanStep } from '../../compiler/plan/types.ts';
import { openStore } from '../../store/open.ts';
import type { PointRecord, Store } from '../../store/types.ts';
import { embeddedLayout } from '../../worker/embedded/layout.ts';
import { freePort } from '../../worker/embedded/ports.ts';
import { startServer, stopServer } from '../../worker/embedded/server.ts';
import { dataConverter } from '../../worker/payload-storage.ts';
import { WORKFLOW_QUEUE } from '../../worker/slots.ts';
import type { ExperimentResult } from '../../workflows/types.ts';
import { createWorld, stepsOf, until, type World } from '../activities/world.ts';
import { Network } from '../chaos/network.ts';
import { temporaryDirectory } from '../compute/build.ts';
import { workflowBundle } from '../workflows/support/bundle.ts';
import { input, plan, step } from '../workflows/support/plans.ts';
import type { HostOrders } from './support/host-process.ts';

/** A real server; hosts as processes, each with a disk of its own and a network of its own to the server. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HEARTBEAT_SECONDS = 2;

let server: string;
let address: string;
let program: string;
let bundle: string;
let world: World;
let client: Client;
let store: Store;
const hosts = new Set<Host>();
const networks = new Set<Network>();

beforeAll(async () => {
  server = temporaryDirectory('hosts');
  world = await createWorld();
  store = openStore(join(server, 'store'));
  mkdirSync(join(ROOT, 'node_modules', '.cache'), { recursive: true });
  program = join(mkdtempSync(join(ROOT, 'node_modules', '.cache', 'host-')), 'host.mjs');
  const started = startServer(embeddedLayout(server));
  bundle = await workflowBundle();
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/worker/support/host-process.ts'],
    outfile: program,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  ({ address } = await started);
  client = new Client({
    connection: await Connection.connect({ address }),
    dataConverter: dataConverter(store),
  });
});

afterEach(async () => {
  for (const { child } of hosts) child.kill('SIGKILL');
  hosts.clear();
  await Promise.all([...networks].map((network) => network.close()));
  networks.clear();
});

afterAll(async () => {
  await client.connection.close();
  await stopServer(embeddedLayout(server));
  rmSync(join(program, '..'), { recursive: true, force: true });
  rmSync(server, { recursive: true, force: true });
});

interface Host {
  child: ChildProcess;
  /** What it logged, an object a line. */
  log(): Record<string, unknown>[];
  /** What it logged of points. */
  said(point: string): string[];
  ask(path: string): Promise<{ status: number; text: string }>;
}

async function startHost(given: Partial<HostOrders>): Promise<Host> {
  const directory = temporaryDirectory('host');
  const healthPort = await freePort([]);
  const orders: HostOrders = {
    parent: process.pid,
    directory,
    store: join(server, 'store'),
    address,
    workflowBundle: bundle,
    dist: world.deps.dist,
    workflows: true,
    queues: { 'plumb-cpu': 1 },
    healthPort,
    ...given,
  };
  const child = spawn(process.execPath, [program, JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const lines = () => output.split('\n').slice(0, -1);
  const log = () => lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  const host: Host = {
    child,
    log,
    said: (point) =>
      log()
        .filter((entry) => entry['point'] === point && 'kind' in entry)
        .map(({ message }) => String(message)),
    ask: async (path) => {
      const answer = await fetch(`http://127.0.0.1:${healthPort}${path}`);
      return { status: answer.status, text: await answer.text() };
    },
  };
  hosts.add(host);
  return host;
}

async function ready(host: Host): Promise<void> {
  await until(
    async () => (await host.ask('/readyz').catch(() => ({ status: 0 }))).status === 200,
    'a host that is ready',
  );
}

async function networkOf(): Promise<Network> {
  const network = await Network.open(Number(address.split(':')[1]));
  networks.add(network);
  return network;
}

/** A point that walks; `params` beyond that do not change its result. */
function walk(id: string, params: PlanStep['params'], more: Partial<PlanStep> = {}): PlanStep {
  return step(id, {
    kind: 'test.walk',
    primary: 'table',
    params: { steps: 60, stepMs: 100, ...params },
    checkpointEvery: 10,
    retry: { attempts: 5, backoffSeconds: 0.1 },
    ...more,
  });
}

async function start(name: string, steps: PlanStep[]) {
  return await client.workflow.start('experiment', {
    workflowId: name,
    taskQueue: WORKFLOW_QUEUE,
    args: [input(plan(name, steps), { heartbeatSeconds: HEARTBEAT_SECONDS })],
  });
}

async function recordsOf(run: string): Promise<PointRecord[]> {
  const names = await store.listDocuments('results/');
  const records = await Promise.all(names.map((name) => store.readDocument<PointRecord>(name)));
  return records.filter((record): record is PointRecord => record?.run.id === run);
}

/** The bytes of an undisturbed walk. */
async function undisturbed(): Promise<PointRecord['outputs']> {
  const [host] = [await startHost({})];
  const run = await start('undisturbed', [walk('calm', { stepMs: 0 })]);
  await run.result();
  host.child.kill('SIGTERM');
  await once(host.child, 'close');
  return (await recordsOf('undisturbed'))[0]!.outputs;
}

const bytesOf = ({ table }: PointRecord['outputs']) => (table as { digest: string }).digest;
const accepted = (host: Host, point: string) =>
  host.said(point).filter((line) => line.startsWith('--- accepted')).length;

test('a host cut off comes back while its successor runs: fenced, and nothing is accepted twice', async () => {
  const expected = await undisturbed();
  const network = await networkOf();
  const [workflows, first] = [
    await startHost({ queues: {} }),
    await startHost({ address: network.address, workflows: false }),
  ];
  const trace = join(server, 'cut.trace');
  const run = await start('cut', [walk('far', { trace })]);
  await until(() => stepsOf(trace).length > 12, 'a checkpoint of the first host');

  network.set({ kind: 'silent' });
  const second = await startHost({ workflows: false });
  await until(() => second.said('far').some((line) => line.startsWith('Going on')), 'its successor to go on');
  expect(first.said('far').at(-1)).not.toMatch(/^--- ended/);
  network.set({ kind: 'clear' });

  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ total: 1, computed: 1, failed: 0 });
  await until(() => first.said('far').some((line) => line.startsWith('--- ended')), 'the first to notice');
  expect(first.said('far').at(-1)).toMatch(/Superseded|Stopped|cancel/i);
  expect([accepted(first, 'far'), accepted(second, 'far')]).toEqual([0, 1]);
  const [record, ...others] = await recordsOf('cut');
  expect(others).toEqual([]);
  expect(bytesOf(record!.outputs)).toBe(bytesOf(expected));
  expect(await store.listDocuments('checkpoints/')).toEqual([]);
  expect(workflows.child.exitCode).toBeNull();
});

test('a host that finishes while it is cut off is accepted, and its successor is not', async () => {
  const network = await networkOf();
  await startHost({ queues: {} });
  const first = await startHost({ address: network.address, workflows: false });
  const trace = join(server, 'late.trace');
  // Nothing that it does on the way tells it that it was replaced.
  const run = await start('late', [walk('late', { trace, steps: 61 }, { checkpointEvery: 1000 })]);
  await until(() => stepsOf(trace).length > 20, 'the first host to work');
  network.set({ kind: 'silent' });
  const second = await startHost({ workflows: false });
  await until(() => second.said('late').some((line) => line.startsWith('--- attempt')), 'its successor');
  await until(() => accepted(first, 'late') === 1, 'the first to be accepted');
  network.set({ kind: 'clear' });

  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ total: 1, failed: 0 });
  expect([accepted(first, 'late'), accepted(second, 'late')]).toEqual([1, 0]);
  expect(await recordsOf('late')).toHaveLength(1);
  expect(await store.listDocuments('checkpoints/')).toEqual([]);
});

test('a host says what it does, and on SIGTERM saves, hands back and leaves within its time', async () => {
  const first = await startHost({});
  await ready(first);
  expect(await first.ask('/healthz')).toEqual({ status: 200, text: 'ok\n' });
  expect((await first.ask('/elsewhere')).status).toBe(404);
  expect((await first.ask('/metrics')).text).toMatch(/^plumbline_points_running 0$/m);

  const trace = join(server, 'drain.trace');
  const run = await start('drain', [walk('leaving', { trace, steps: 62 })]);
  await until(() => stepsOf(trace).length > 14, 'a checkpoint');
  const busy = (await first.ask('/metrics')).text;
  expect(busy).toMatch(/^plumbline_points_running 1$/m);
  expect(busy).toMatch(/^plumbline_checkpoint_seconds_count\{kind="test.walk"\} 1$/m);
  expect(busy).toMatch(/^plumbline_queue_wait_seconds_count\{queue="plumb-cpu"\} 1$/m);
  expect(busy).toMatch(/^temporal_worker_task_slots_used\{/m);

  const told = performance.now();
  first.child.kill('SIGTERM');
  await until(async () => (await first.ask('/readyz').catch(() => null))?.status !== 200, 'not to be ready');
  const [code] = await once(first.child, 'close');
  const seconds = (performance.now() - told) / 1000;
  expect(code).toBe(0);
  expect(seconds).toBeLessThan(15);
  const done = stepsOf(trace).length;
  expect(first.said('leaving').at(-1)).toMatch(
    /^--- ended: StoppedError: Stopped \(shutdown\); saved at step/,
  );

  const second = await startHost({});
  await run.result();
  const counted = (await second.ask('/metrics')).text;
  expect(counted).toMatch(
    /^plumbline_points_total\{kind="test.walk",outcome="computed",queue="plumb-cpu"\} 1$/m,
  );
  expect(counted).toMatch(/^plumbline_retries_total\{kind="test.walk",queue="plumb-cpu"\} 1$/m);
  expect(counted).toMatch(/^plumbline_labelling_dollars_sum\{kind="test.walk"\} 0.25$/m);
  // Told to stop, it saved where it was: no step is done twice.
  expect(stepsOf(trace)).toHaveLength(62);
  expect(done).toBeLessThan(62);
  const line = second.log().find(({ message }) => String(message).startsWith('Going on from the checkpoint'));
  expect(line).toMatchObject({
    ...{ level: 'info', run: 'drain', step: 'leaving', point: 'leaving', kind: 'test.walk', attempt: 2 },
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
});

test('a host whose server does not answer lives, and is not ready', async () => {
  const network = await networkOf();
  const host = await startHost({ address: network.address });
  await ready(host);
  network.set({ kind: 'silent' });
  expect(await host.ask('/readyz')).toMatchObject({ status: 503, text: expect.stringMatching(/Temporal/) });
  expect((await host.ask('/healthz')).status).toBe(200);
  network.set({ kind: 'clear' });
  await ready(host);
});
