import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { computeEnvironment } from '../../compute/environment.ts';
import { type ChildOutcome, type MemberOptions, superviseGroup } from '../../compute/supervise.ts';
import type { ComputeError, JobDescription, LocalArtifact } from '../../compute/types.ts';
import { bodyPath, buildChild, temporaryDirectory } from './build.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let entry: string;
beforeAll(async () => {
  entry = await buildChild();
});

interface One {
  body?: 'walk' | 'act';
  params: Record<string, unknown>;
  resume?: JobDescription['resume'];
  checkpointEvery?: number;
  options?: Partial<MemberOptions>;
}

interface Run {
  outcome: Promise<ChildOutcome>;
  stop(): void;
  progress: number[];
  logs: string[];
  moved: number;
  /** Step -> a copy of the checkpoint. */
  checkpoints: Map<number, string>;
}

/** Starts points in one process. */
function start(members: One[]): Run[] {
  const directory = temporaryDirectory('group');
  const runs: Run[] = [];
  const options = members.map(({ body = 'walk', params, resume, checkpointEvery, options }, i) => {
    const workDirectory = join(directory, `work-${i}`);
    mkdirSync(workDirectory);
    const controller = new AbortController();
    const checkpoints = new Map<number, string>();
    const run: Omit<Run, 'outcome'> = {
      stop: () => controller.abort(),
      progress: [],
      logs: [],
      moved: 0,
      checkpoints,
    };
    runs.push(run as Run);
    const member: MemberOptions = {
      job: {
        kind: `test.${body}`,
        point: `${body}[${i}]`,
        module: bodyPath(body),
        params,
        seed: 7 + i,
        workDirectory,
        durableDirectory: workDirectory,
        cacheDirectory: workDirectory,
        threads: 1,
        checkpointEvery: checkpointEvery ?? 10,
        segmentUnits: null,
        resume: resume ?? null,
      },
      stallSeconds: 20,
      graceSeconds: 4,
      signal: controller.signal,
      stopReason: () => 'cancelled',
      onProgress: (done) => run.progress.push(done),
      onLog: (line) => run.logs.push(line),
      async onCheckpoint(step, from) {
        const kept = join(directory, `kept-${i}-${step}`);
        cpSync(from, kept, { recursive: true });
        checkpoints.set(step, kept);
      },
      onMoved: () => {
        run.moved += 1;
      },
      ...options,
    };
    return member;
  });
  const environment = computeEnvironment({ threads: 1, temporaryDirectory: directory, secrets: {} });
  for (const [i, outcome] of superviseGroup({ entry, environment, directory }, options).entries()) {
    outcome.catch(() => undefined);
    (runs[i] as Run).outcome = outcome;
  }
  return runs;
}

/** The bytes that a walk ended with. */
async function bytesOf(run: Run | undefined): Promise<string> {
  const outcome = await run?.outcome;
  if (outcome?.type !== 'result') throw new Error(`ended with ${JSON.stringify(outcome)}`);
  const { directory } = outcome.result.outputs.table as LocalArtifact;
  return readFileSync(join(directory, 'state.bin'), 'hex') + readFileSync(join(directory, 'state.json'));
}

async function alone(i: number, one: One): Promise<string> {
  // The seed is the place's.
  const filler: One = { body: 'act', params: { act: 'nothing' } };
  return bytesOf(start([...Array.from({ length: i }, () => filler), one])[i]);
}

const errorOf = (run: Run | undefined): Promise<ComputeError> =>
  (run as Run).outcome.then(
    (outcome) => expect.unreachable(`ended with ${JSON.stringify(outcome)}`),
    (error) => error as ComputeError,
  );

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(10);
  expect(condition()).toBe(true);
}

test('points side by side end with the bytes that each has alone', async () => {
  const members: One[] = [
    { params: { steps: 30 } },
    { params: { steps: 45 } },
    { params: { steps: 30 }, checkpointEvery: 7 },
  ];
  const together = await Promise.all(start(members).map(bytesOf));
  for (const [i, one] of members.entries()) expect(together[i]).toBe(await alone(i, one));
  expect(new Set(together).size).toBe(3);
});

test('from checkpoints at different steps, those behind catch up first, and no byte changes', async () => {
  const trace = join(temporaryDirectory('trace'), 'trace');
  const first = start([{ params: { steps: 60 } }, { params: { steps: 60 } }]);
  const expected = await Promise.all(first.map(bytesOf));
  const at = (i: number, step: number) => ({ step, directory: first[i]?.checkpoints.get(step) as string });
  const again = start([
    { params: { steps: 60, trace }, resume: at(0, 50) },
    { params: { steps: 60, trace }, resume: at(1, 20) },
  ]);
  expect(await Promise.all(again.map(bytesOf))).toEqual(expected);
  const steps = readFileSync(trace, 'utf8').trim().split('\n').map(Number);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(steps).toHaveLength(10 + 40);
  // While it waits, it is told that the process goes on.
  expect(again[0]?.moved).toBeGreaterThan(0);
});

describe('one of several', () => {
  test.each([
    ['nan', 'nan-loss', false],
    ['bug', 'internal', false],
    ['compute-error', 'rate-limited', true],
    ['bad-state', 'bad-checkpoint', false],
  ])('that fails (%s) ends alone, with its own failure', async (act, code, retryable) => {
    const expected = await alone(1, { params: { steps: 40 } });
    const [failing, healthy] = start([
      { body: 'act', params: { act }, checkpointEvery: 1 },
      { params: { steps: 40, stepMs: 5 } },
    ]);
    const error = await errorOf(failing);
    expect(error.code).toBe(code);
    expect(error.options.retryable ?? false).toBe(retryable);
    // The other one was still at work.
    expect(healthy?.progress.at(-1) ?? 0).toBeLessThan(40);
    expect(await bytesOf(healthy)).toBe(expected);
  });

  test('whose checkpoint cannot be stored ends with that error; the others go on', async () => {
    const [failing, healthy] = start([
      { params: { steps: 40 }, options: { onCheckpoint: () => Promise.reject(new Error('store is gone')) } },
      { params: { steps: 40 } },
    ]);
    expect((await errorOf(failing)).message).toBe('store is gone');
    expect(await bytesOf(healthy)).toBe(await alone(1, { params: { steps: 40 } }));
  });

  test('that is stopped saves its state and leaves; the others go on', async () => {
    const one = { params: { steps: 200, stepMs: 5 }, checkpointEvery: 1000 };
    const [stopped, healthy] = start([one, one]);
    await until(() => (stopped?.progress.at(-1) ?? 0) > 3);
    stopped?.stop();
    const outcome = await stopped?.outcome;
    expect(outcome).toMatchObject({ type: 'suspended', total: 200 });
    const { step } = outcome as Extract<ChildOutcome, { type: 'suspended' }>;
    expect([...(stopped?.checkpoints.keys() ?? [])]).toEqual([step]);
    expect(healthy?.progress.at(-1)).toBeLessThan(200);
    expect(await bytesOf(healthy)).toBe(await alone(1, { params: { steps: 200 }, checkpointEvery: 1000 }));
    const directory = stopped?.checkpoints.get(step) as string;
    const [resumed] = start([{ ...one, resume: { step, directory } }]);
    expect(await bytesOf(resumed)).toBe(await alone(0, { params: { steps: 200 } }));
  });

  test('that does not stop in its grace time is left behind', async () => {
    const [deaf, healthy] = start([
      { body: 'act', params: { act: 'ignore-stop' }, options: { graceSeconds: 0.5 } },
      { params: { steps: 60, stepMs: 20 } },
    ]);
    await until(() => (deaf?.progress.length ?? 0) > 0);
    deaf?.stop();
    expect(await deaf?.outcome).toEqual({ type: 'stopped' });
    expect(await bytesOf(healthy)).toBe(await alone(1, { params: { steps: 60 } }));
  });

  test('that waits for another in the native code is stopped with it', async () => {
    const runs = start(
      [
        { body: 'act', params: { act: 'block' } },
        { params: { steps: 60 }, options: { stallSeconds: 3 } },
      ].map((one) => ({ ...one, options: { stallSeconds: 3 } })) as One[],
    );
    for (const run of runs) expect((await errorOf(run)).code).toBe('stalled');
  });
});

test.each([
  ['segfault', 'crashed'],
  ['exit', 'lost-child'],
  ['bug-later', 'crashed'],
])('what ends the process (%s) ends all of its points, each to be tried again', async (act, code) => {
  const runs = start([{ params: { steps: 5000, stepMs: 5 } }, { body: 'act', params: { act } }]);
  for (const run of runs) {
    const error = await errorOf(run);
    expect(error.code).toBe(code);
    expect(error.options.retryable).toBe(true);
  }
});

test('what they share is made once, by its name', async () => {
  const names = ['a', 'a', 'b'];
  const runs = start(names.map((name) => ({ body: 'act', params: { act: 'share', name } })));
  const outcomes = await Promise.all(runs.map(({ outcome }) => outcome));
  const [first, second, other] = outcomes.map((outcome) =>
    outcome.type === 'result' ? outcome.result.outputs.drawn : expect.unreachable(outcome.type),
  );
  expect(second).toBe(first);
  expect(other).not.toBe(first);
});

test('every point has the log of its own, and what the process prints is in all', async () => {
  const runs = start([
    { body: 'act', params: { act: 'print' } },
    { body: 'act', params: { act: 'print' } },
  ]);
  await Promise.all(runs.map(({ outcome }) => outcome));
  expect(runs.at(-1)?.logs.filter((line) => line === 'to stdout').length).toBeGreaterThan(0);
  const [bug, other] = start([{ body: 'act', params: { act: 'bug' } }, { params: { steps: 20 } }]);
  await Promise.all([errorOf(bug), other?.outcome]);
  expect(bug?.logs.join('\n')).toContain('TypeError');
  expect(other?.logs.join('\n')).not.toContain('TypeError');
});

test('all told to stop, the process ends with their checkpoints', async () => {
  const runs = start([{ params: { steps: 5000, stepMs: 5 } }, { params: { steps: 5000, stepMs: 5 } }]);
  await until(() => runs.every(({ progress }) => (progress.at(-1) ?? 0) > 3));
  for (const run of runs) run.stop();
  for (const run of runs) {
    expect(await run.outcome).toMatchObject({ type: 'suspended' });
    const last = [...run.checkpoints].at(-1);
    expect(last && existsSync(join(last[1], 'state.json'))).toBe(true);
  }
});
