import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { computeEnvironment } from '../../compute/environment.ts';
import { type ChildOutcome, type SuperviseOptions, superviseChild } from '../../compute/supervise.ts';
import type { ComputeError } from '../../compute/types.ts';
import { bodyPath, buildChild, temporaryDirectory } from './build.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let entry: string;
beforeAll(async () => {
  entry = await buildChild();
});

interface Run {
  outcome: Promise<ChildOutcome>;
  logs: string[];
  progress: [number, number, Record<string, number>][];
  stop(): void;
  directory: string;
}

function start(
  act: string,
  options: Partial<SuperviseOptions> & { params?: Record<string, unknown> } = {},
): Run {
  const directory = temporaryDirectory('attempt');
  const workDirectory = join(directory, 'work');
  mkdirSync(workDirectory);
  const logs: string[] = [];
  const progress: Run['progress'] = [];
  const controller = new AbortController();
  const { params, ...rest } = options;
  const outcome = superviseChild({
    entry,
    job: {
      kind: 'test.act',
      point: `act[${act}]`,
      module: bodyPath('act'),
      params: { act, trace: join(directory, 'trace'), ...params },
      seed: 0,
      workDirectory,
      durableDirectory: directory,
      cacheDirectory: directory,
      threads: 1,
      checkpointEvery: 1,
      segmentUnits: null,
      resume: null,
    },
    environment: computeEnvironment({ threads: 1, temporaryDirectory: workDirectory, secrets: {} }),
    stallSeconds: 20,
    graceSeconds: 4,
    signal: controller.signal,
    stopReason: () => 'cancelled',
    onProgress: (...args) => progress.push(args),
    onLog: (line) => logs.push(line),
    onCheckpoint: async () => undefined,
    ...rest,
  });
  outcome.catch(() => undefined);
  return { outcome, logs, progress, stop: () => controller.abort(), directory };
}

async function failureOf(run: Run): Promise<ComputeError> {
  return run.outcome.then(
    (outcome) => expect.unreachable(`ended with ${JSON.stringify(outcome)}`),
    (error) => error as ComputeError,
  );
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(10);
  expect(condition()).toBe(true);
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('what a body says', () => {
  test('a result comes back with the fingerprint of where it was made', async () => {
    const outcome = await start('return-late').outcome;
    expect(outcome).toMatchObject({
      type: 'result',
      result: { outputs: { list: [1, 2], name: 'x' }, metrics: { n: { value: 1, n: 3 } } },
      environment: { node: process.version, threads: 1 },
      usage: { peakMemoryBytes: expect.any(Number), cpuSeconds: expect.any(Number) },
    });
  });

  test('a ComputeError keeps its code, message, hint and delay', async () => {
    const error = await failureOf(start('compute-error'));
    expect(error).toMatchObject({
      code: 'rate-limited',
      message: 'slow down',
      options: { retryable: true, hint: 'wait', retryAfterSeconds: 7 },
    });
  });

  test.each([
    ['bug', 'internal', false, /Cannot read properties of undefined/],
    ['bug-later', 'internal', false, /Cannot read properties of undefined/],
    ['disk-full', 'disk-full', true, /ENOSPC/],
    ['no-memory', 'out-of-memory', false, /OOM when allocating/],
    ['nan', 'nan-loss', false, /loss is NaN at step 4 of 10/],
    ['two-loops', 'internal', false, /second loop/],
    ['bad-state', 'bad-checkpoint', false, /LoopState\.json\.best is Infinity/],
    ['nan-result', 'internal', false, /metrics\.auc\.value is NaN/],
    ['outside-result', 'internal', false, /outputs\.a lies outside of the work directory/],
    ['map-result', 'internal', false, /outputs\.a is \[object Map\]/],
    ['exit', 'lost-child', true, /exit code 3/],
    ['segfault', 'crashed', true, /SIGSEGV/],
  ])('%s fails as %s', async (act, code, retryable, message) => {
    const error = await failureOf(start(act));
    expect(error.code).toBe(code);
    expect(error.options.retryable ?? false).toBe(retryable);
    expect(error.message).toMatch(message);
  });

  test('the stack of a bug is in the log', async () => {
    const run = start('bug');
    await failureOf(run);
    expect(run.logs.join('\n')).toMatch(/TypeError[\s\S]*act\.mjs:\d+/);
  });

  test('a JavaScript heap that is used up is named', async () => {
    const run = start('heap', {
      environment: { PATH: process.env.PATH ?? '', NODE_OPTIONS: '--max-old-space-size=40' },
    });
    expect((await failureOf(run)).code).toBe('out-of-memory');
  });

  test('what it prints is logged, line by line', async () => {
    const run = start('print');
    await run.outcome;
    expect(run.logs).toEqual(expect.arrayContaining(['to stdout', 'to stderr', 'no newline']));
  });

  test('a flood of progress is thinned out, and the last one arrives', async () => {
    const run = start('fast');
    await run.outcome;
    expect(run.progress.at(-1)).toEqual([100_000, 100_000, { i: 100_000 }]);
    expect(run.progress.length).toBeLessThan(100);
  });
});

describe('the environment of a child', () => {
  test('holds the secrets that it may read and nothing of the rest', async () => {
    process.env.PLUMB_TEST_TOKEN = 'hunter2';
    const environment = computeEnvironment({
      threads: 3,
      temporaryDirectory: '/tmp/x',
      secrets: { ALLOWED: 'value' },
    });
    const outcome = await start('environment', { environment }).outcome;
    const seen = (outcome as Extract<ChildOutcome, { type: 'result' }>).result.outputs.environment as Record<
      string,
      string
    >;
    expect(seen).toMatchObject({ ALLOWED: 'value', TF_NUM_INTRAOP_THREADS: '3', TMPDIR: '/tmp/x' });
    expect(seen.GLIBC_TUNABLES).toMatch(/^glibc\.malloc\./);
    expect(seen).not.toHaveProperty('PLUMB_TEST_TOKEN');
    expect(seen).not.toHaveProperty('VITEST');
    delete process.env.PLUMB_TEST_TOKEN;
  });
});

describe('a child that hangs', () => {
  test('is killed when it shows no progress, also inside a native call', async () => {
    const run = start('block', { stallSeconds: 3 });
    const error = await failureOf(run);
    expect(error).toMatchObject({ code: 'stalled', options: { retryable: true } });
    expect(run.progress).toEqual([[1, 10, {}]]);
  });

  test('may take as long as it likes while its checkpoint is stored', async () => {
    const run = start('nan', {
      stallSeconds: 2,
      onCheckpoint: (step) => (step === 1 ? sleep(2500) : Promise.resolve()),
    });
    expect((await failureOf(run)).code).toBe('nan-loss');
  });

  test('storing that fails ends the attempt with that error', async () => {
    const run = start('nan', { onCheckpoint: () => Promise.reject(new Error('store is gone')) });
    expect((await failureOf(run)).message).toBe('store is gone');
  });
});

describe('a child that is told to stop', () => {
  test('without a loop ends at once', async () => {
    const run = start('forever', { graceSeconds: 20 });
    await until(() => run.progress.length > 0);
    const at = performance.now();
    run.stop();
    expect(await run.outcome).toEqual({ type: 'stopped' });
    expect(performance.now() - at).toBeLessThan(5000);
  });

  test('settles in its own way when it listens', async () => {
    const run = start('listen', { graceSeconds: 20 });
    await until(() => run.progress.length > 0);
    run.stop();
    expect(await run.outcome).toEqual({ type: 'stopped' });
    expect(readFileSync(join(run.directory, 'trace'), 'utf8')).toBe('settled');
  });

  test.each(['ignore-stop', 'block'])('is killed after the grace time (%s)', async (act) => {
    const run = start(act, { graceSeconds: 0.6 });
    await until(() => run.progress.length > 0);
    const at = performance.now();
    run.stop();
    expect(await run.outcome).toEqual({ type: 'stopped' });
    expect(performance.now() - at).toBeGreaterThan(500);
  });

  test('before it could start never starts', async () => {
    const run = start('forever');
    run.stop();
    expect(await run.outcome).toEqual({ type: 'stopped' });
    expect(run.progress).toEqual([]);
  });
});

describe('no process is left', () => {
  test.each(['return', 'forever'])('of those that the child has started (%s)', async (then) => {
    const run = start('grandchild', { params: { then } });
    const trace = join(run.directory, 'trace');
    await until(() => existsSync(trace) && readFileSync(trace, 'utf8') !== '');
    if (then === 'forever') run.stop();
    await run.outcome;
    const pid = Number(readFileSync(trace, 'utf8'));
    await until(() => !alive(pid));
  });
});
