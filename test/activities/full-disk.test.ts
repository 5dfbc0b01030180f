import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../store/open.ts';
import { temporaryDirectory } from '../compute/build.ts';
import { accepted, createWorld, failureOf, request, stepsOf } from './world.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

function mountSmallDisk(): string | null {
  const directory = temporaryDirectory('full');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    return null;
  }
}

const disk = mountSmallDisk();
if (disk === null)
  process.stderr.write('SKIPPED test/activities/full-disk: this user may not mount a tmpfs\n');

describe.skipIf(disk === null)('a point whose store has no space left', () => {
  afterAll(() => {
    execFileSync('umount', [disk ?? '']);
  });

  test('fails retryably, saying so, and goes on once there is space', async () => {
    const world = await createWorld();
    const trace = join(world.directory, 'trace');
    const deps = { store: openStore(join(disk ?? '', 'store')) };
    const asked = request('test.walk', { steps: 30, trace });
    const expected = await accepted(
      world.call({ ...asked, point: { ...asked.point, params: { steps: 30 } } }),
    );

    const filler = join(disk ?? '', 'filler');
    const { bavail, bsize } = statfsSync(disk ?? '');
    writeFileSync(filler, Buffer.alloc((bavail - 20) * bsize));
    const failure = await failureOf(world.call(asked, { deps }));
    expect(failure).toMatchObject({ type: 'disk-full', nonRetryable: false });
    expect(failure.details?.[0]).toMatchObject({ hint: expect.stringContaining('Free space') });

    rmSync(filler);
    const outcome = await accepted(world.call(asked, { deps, attempt: 2 }));
    expect(outcome.outputs).toEqual(expected.outputs);
    expect(new Set(stepsOf(trace)).size).toBe(30);
  });
});
