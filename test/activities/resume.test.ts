import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ActivityCancellationDetails } from '@temporalio/common';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { logFile } from '../../activities/log.ts';
import type { PointOutcome, PointRequest } from '../../activities/types.ts';
import { attemptsAt } from '../../store/checkpoints.ts';
import { openStore } from '../../store/open.ts';
import type { PointRecord } from '../../store/types.ts';
import {
  accepted,
  type CallOptions,
  children,
  createWorld,
  failureOf,
  latestCheckpoint,
  request,
  stepsOf,
  until,
  type World,
} from './world.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let world: World;
let trace: string;
beforeEach(async () => {
  world = await createWorld();
  trace = join(world.directory, 'trace');
});

async function undisturbed(asked: PointRequest) {
  const elsewhere = await createWorld();
  const { trace: _trace, stepMs: _stepMs, ...params } = asked.point.params;
  return accepted(elsewhere.call({ ...asked, point: { ...asked.point, params }, segmentUnits: null }));
}

/** Calls again while the activity fails retryably, as Temporal would. */
async function retried(
  asked: PointRequest,
  during: () => Promise<void>,
  options: CallOptions = {},
): Promise<{ outcome: PointOutcome; attempts: number }> {
  for (let attempt = 1; ; attempt++) {
    const call = world.call(asked, { ...options, attempt });
    const chaos = during();
    try {
      return { outcome: await call.outcome, attempts: attempt };
    } catch (error) {
      const failure = error as { type?: string; nonRetryable?: boolean };
      expect(failure.nonRetryable, String(error)).toBe(false);
      expect(attempt).toBeLessThan(30);
    } finally {
      await chaos;
    }
  }
}

/** Repeats of a step, and whether each was within one interval of where its attempt before had come. */
function repeatsWithin(steps: number[], interval: number): number {
  let repeats = 0;
  steps.forEach((step, i) => {
    const before = steps[i - 1];
    if (before === undefined || step === before + 1) return;
    const repeated = before + 1 - step;
    expect(repeated).toBeGreaterThan(0);
    expect(repeated).toBeLessThanOrEqual(interval);
    repeats += repeated;
  });
  return repeats;
}

describe('a killed child', () => {
  test('costs at most one checkpoint interval, and no byte of the result', async () => {
    const asked = request('test.walk', { steps: 400, trace, stepMs: 8 });
    const expected = await undisturbed(asked);
    let kills = 0;
    const { outcome, attempts } = await retried(asked, async () => {
      if (kills >= 6) return;
      await sleep(150 + Math.random() * 450);
      for (const pid of children(join(world.deps.dist, 'compute', 'child.js'), world.directory)) {
        process.kill(pid, 'SIGKILL');
        kills++;
      }
    });
    expect(kills).toBeGreaterThanOrEqual(2);
    expect(attempts).toBe(kills + 1);
    expect(outcome).toMatchObject({
      status: 'accepted',
      outputs: expected.outputs,
      metrics: expected.metrics,
    });
    const steps = stepsOf(trace);
    repeatsWithin(steps, 10);
    expect(new Set(steps).size).toBe(400);
    const log = readFileSync(logFile(world.directory, 'run-1', asked.point.id), 'utf8');
    expect(log).toMatch(/^.*Checkpoint at step 10: 0\.0 MiB in [\d.e-]+ s\.$/m);
    expect(log).toMatch(/accepted after [\d.]+ s; \d+ checkpoints? in this attempt took [\d.e-]+ s$/m);
    expect((await world.store.readDocument<PointRecord>(`results/${asked.point.key}`))?.attempts).toBe(
      attempts,
    );
  });

  test('fails retryably, saying that it was killed', async () => {
    const call = world.call(request('test.walk', { steps: 1000, trace, stepMs: 5 }));
    await until(() => stepsOf(trace).length > 3);
    for (const pid of children(join(world.deps.dist, 'compute', 'child.js'), world.directory))
      process.kill(pid, 'SIGKILL');
    expect(await failureOf(call)).toMatchObject({ type: 'lost-child', nonRetryable: false });
  });
});

describe('segments', () => {
  test('hand over at checkpoints and end with the same bytes', async () => {
    const asked = request('test.walk', { steps: 25, trace }, { segmentUnits: 10, checkpointEvery: 4 });
    const expected = await undisturbed(asked);
    const seen: unknown[] = [];
    for (;;) {
      const outcome = await world.call(asked, { activityId: `segment-${seen.length}` }).outcome;
      if (outcome.status === 'accepted') {
        expect(outcome).toMatchObject({ outputs: expected.outputs, metrics: expected.metrics });
        break;
      }
      seen.push([outcome.done, outcome.total]);
    }
    expect(seen).toEqual([
      [10, 25],
      [20, 25],
    ]);
    expect(stepsOf(trace)).toEqual([...Array(25).keys()]);
    expect((await world.store.readDocument<PointRecord>(`results/${asked.point.key}`))?.attempts).toBe(1);
  });
});

describe('a checkpoint that cannot be read', () => {
  test('is passed over', async () => {
    const asked = request('test.walk', { steps: 25, trace }, { segmentUnits: 10 });
    const expected = await undisturbed(asked);
    await world.call(asked).outcome;
    const saved = await latestCheckpoint(world.store, asked.point.key);
    const sha256 = saved?.checkpoint?.files['state.safetensors']?.sha256 ?? '';
    const folder = join(world.store.location, 'disposable', 'checkpoints', asked.point.key, '00000001');
    const path = join(folder, sha256.slice(0, 2), sha256);
    chmodSync(path, 0o644);
    writeFileSync(path, readFileSync(path).fill(0));
    const rest = request('test.walk', { steps: 25, trace });
    expect(await accepted(world.call(rest))).toMatchObject({ outputs: expected.outputs });
    expect(stepsOf(trace)).toEqual([...Array(10).keys(), ...Array(25).keys()]);
  });
});

describe('a worker that was told to go', () => {
  test('saves where the child is, and the next one goes on from there', async () => {
    const asked = request('test.walk', { steps: 60, trace, stepMs: 5 }, { checkpointEvery: 1000 });
    const expected = await undisturbed(asked);
    const call = world.call(asked);
    await until(() => stepsOf(trace).length > 7);
    call.environment.cancel('WORKER_SHUTDOWN');
    expect(await failureOf(call)).toMatchObject({ type: 'worker-shutdown', nonRetryable: false });
    const saved = await latestCheckpoint(world.store, asked.point.key);
    expect(saved?.checkpoint?.step).toBe(stepsOf(trace).length);
    expect(call.heartbeats.at(-1)?.checkpointStep).toBe(saved?.checkpoint?.step);
    expect(await accepted(world.call(asked, { attempt: 2 }))).toMatchObject({ outputs: expected.outputs });
    expect(stepsOf(trace)).toEqual([...Array(60).keys()]);
  });
});

describe('a cancelled activity', () => {
  test('ends as cancelled, with its state saved and no process left', async () => {
    const call = world.call(request('test.walk', { steps: 1000, trace, stepMs: 5 }));
    await until(() => stepsOf(trace).length > 3);
    call.environment.cancel('CANCELLED');
    expect((await failureOf(call)).name).toBe('CancelledFailure');
    expect(children(join(world.deps.dist, 'compute', 'child.js'), world.directory)).toEqual([]);
    expect(await world.store.listDocuments('results/')).toEqual([]);
    const [attempt] = await attemptsAt(world.store, request('test.walk', { steps: 1000 }).point.key);
    expect(attempt).toMatchObject({ state: 'ended', checkpoint: { step: stepsOf(trace).length } });
  });
});

describe('a paused activity', () => {
  test('saves at once, so that nothing is lost when it goes on', async () => {
    const asked = request('test.walk', { steps: 60, trace, stepMs: 5 }, { checkpointEvery: null });
    const call = world.call(asked);
    await until(() => stepsOf(trace).length > 3);
    call.environment.cancel('PAUSED', new ActivityCancellationDetails({ paused: true }));
    await failureOf(call);
    await accepted(world.call(asked, { attempt: 2 }));
    expect(stepsOf(trace)).toEqual([...Array(60).keys()]);
  });
});

describe('two attempts at one point', () => {
  test('of one activity: the older one is shut out when the newer begins', async () => {
    const asked = request('test.walk', { steps: 120, trace, stepMs: 5 });
    const expected = await undisturbed(asked);
    const old = world.call(asked, { attempt: 1 });
    await until(async () => (await latestCheckpoint(world.store, asked.point.key)) !== null);
    const fresh = world.call(asked, { attempt: 2 });
    expect(await failureOf(old)).toMatchObject({ type: 'superseded', nonRetryable: false });
    expect(await accepted(fresh)).toMatchObject({ outputs: expected.outputs });
    expect(await world.store.listDocuments('checkpoints/')).toEqual([]);
    expect(await world.store.listDocuments('results/')).toHaveLength(1);
  });

  test('of several runs: one computes, the others wait for its result', async () => {
    const asked = request('test.walk', { steps: 40, trace, stepMs: 5 });
    const calls = ['a', 'b', 'c', 'd'].map((activityId) => world.call(asked, { activityId }));
    const outcomes = await Promise.all(calls.map(accepted));
    expect(outcomes.map(({ cached }) => cached).sort()).toEqual([false, true, true, true]);
    expect(new Set(outcomes.map(({ outputs }) => JSON.stringify(outputs))).size).toBe(1);
    expect(stepsOf(trace)).toEqual([...Array(40).keys()]);
  });

  test('of two runs: the one that waits can be cancelled, and leaves the other alone', async () => {
    const asked = request('test.walk', { steps: 100, trace, stepMs: 5 });
    const first = world.call(asked, { activityId: 'first' });
    await until(() => stepsOf(trace).length > 3);
    const second = world.call(asked, { activityId: 'second' });
    await sleep(200);
    second.environment.cancel('CANCELLED');
    expect((await failureOf(second)).name).toBe('CancelledFailure');
    expect((await accepted(first)).cached).toBe(false);
    expect(stepsOf(trace)).toHaveLength(100);
  });

  test('of two runs: one that shows no progress is given up', async () => {
    const hung = world.call(request('test.act', { act: 'block' }, { stallSeconds: 600 }), {
      activityId: 'hung',
    });
    await until(() => children(join(world.deps.dist, 'compute', 'child.js'), world.directory).length > 0);
    const asked = request('test.act', { act: 'nothing' }, { stallSeconds: 2 });
    asked.point.key = request('test.act', { act: 'block' }).point.key;
    expect((await accepted(world.call(asked, { activityId: 'other' }))).cached).toBe(false);
    hung.environment.cancel('CANCELLED');
    await hung.outcome.catch(() => undefined);
  });

  test('with the same result are accepted once, whoever comes first', async () => {
    // Two hosts that cannot see each other's attempts, with one set of results.
    const asked = request('test.walk', { steps: 30 }, { checkpointEvery: null });
    const apart = (name: string) => {
      const store = openStore(world.store.location);
      const move = (document: string) =>
        document.startsWith('checkpoints/') ? `${name}/${document}` : document;
      return Object.assign(Object.create(store), {
        listDocuments: async (prefix: string) =>
          (await store.listDocuments(move(prefix))).map((found) => found.replace(`${name}/`, '')),
        readDocument: (document: string) => store.readDocument(move(document)),
        putDocumentIfAbsent: (document: string, value: unknown) =>
          store.putDocumentIfAbsent(move(document), value),
        writeDocument: (document: string, value: unknown) => store.writeDocument(move(document), value),
        deleteDocument: (document: string) => store.deleteDocument(move(document)),
      }) as typeof store;
    };
    const calls = ['east', 'west'].map((name) =>
      world.call(asked, { activityId: name, deps: { store: apart(name) } }),
    );
    const [east, west] = await Promise.all(calls.map(accepted));
    expect(east?.outputs).toEqual(west?.outputs);
    const record = await world.store.readDocument<PointRecord>(`results/${asked.point.key}`);
    expect([east?.seconds, west?.seconds]).toEqual([record?.seconds, record?.seconds]);
  });
});

describe('scratch space', () => {
  test('is gone after success and after failure', async () => {
    await accepted(world.call(request('test.walk', { steps: 3 })));
    await failureOf(world.call(request('test.act', { act: 'bug' })));
    expect(readdirSync(join(world.directory, 'work'))).toEqual([]);
    expect(existsSync(join(world.directory, 'logs'))).toBe(true);
  });
});
