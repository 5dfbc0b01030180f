import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { classifyExit } from '../../compute/exit.ts';
import { superviseChild } from '../../compute/supervise.ts';
import { bodyPath, buildChild, temporaryDirectory } from './build.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

/** A control group with little memory, where the user may make one (v1 or v2). */
function makeSmallGroup(): string | null {
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const group = join(v2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory', `plumbline-test-${process.pid}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, v2 ? 'memory.max' : 'memory.limit_in_bytes'), String(160 << 20));
    return group;
  } catch {
    return null;
  }
}

const group = makeSmallGroup();
if (group === null)
  process.stderr.write('SKIPPED test/compute/out-of-memory: no memory group can be made here\n');
let entry: string;
beforeAll(async () => {
  entry = await buildChild();
});
afterAll(() => {
  if (group !== null) rmdirSync(group);
});

test.skipIf(group === null)(
  'a child that the kernel kills for want of memory is named as that, and may be tried again',
  async () => {
    const directory = temporaryDirectory('memory');
    const failed = superviseChild({
      entry,
      job: {
        kind: 'test.act',
        point: 'memory',
        module: bodyPath('act'),
        params: { act: 'kernel-memory', group },
        seed: 0,
        workDirectory: directory,
        durableDirectory: directory,
        cacheDirectory: directory,
        threads: 1,
        checkpointEvery: null,
        segmentUnits: null,
        resume: null,
      },
      environment: { PATH: process.env.PATH ?? '' },
      stallSeconds: 60,
      graceSeconds: 5,
      signal: new AbortController().signal,
      stopReason: () => 'cancelled',
      onProgress: () => undefined,
      onLog: () => undefined,
      onCheckpoint: async () => undefined,
    });
    await expect(failed).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining('kernel'),
      options: { retryable: true, hint: expect.stringContaining('`batch`') },
    });
  },
);

test.each([
  [{ signal: 'SIGKILL' as const }, 'lost-child', true],
  [{ code: 137 }, 'lost-child', true],
  [{ signal: 'SIGKILL' as const, kernelOutOfMemory: true }, 'out-of-memory', true],
  [{ signal: 'SIGSEGV' as const, kernelOutOfMemory: true }, 'crashed', true],
  [
    { signal: 'SIGABRT' as const, tail: ["terminate called after throwing an instance of 'std::bad_alloc'"] },
    'out-of-memory',
    true,
  ],
  [
    {
      signal: 'SIGABRT' as const,
      tail: ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'],
    },
    'out-of-memory',
    false,
  ],
  [{ code: 0 }, 'lost-child', true],
])('an end with %j is %s', (exit, code, retryable) => {
  const error = classifyExit({ code: null, signal: null, kernelOutOfMemory: false, tail: [], ...exit });
  expect(error.code).toBe(code);
  expect(error.options.retryable ?? false).toBe(retryable);
});
