import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { PointOutcome, PointRequest } from '../../activities/types.ts';
import { accepted, children, createWorld, request, stepsOf, until, type World } from './world.ts';

// Several processes, one after the other, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
beforeAll(async () => {
  // Below the project, where packages are found.
  mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, 'node_modules', '.cache', 'worker-'));
  await build({
    absWorkingDir: root,
    entryPoints: ['test/activities/worker.ts'],
    outfile: join(folder, 'worker.mjs'),
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function startWorker(
  world: World,
  asked: PointRequest,
  attempt: number,
): { process: ChildProcess; output: () => string } {
  const worker = spawn(
    process.execPath,
    [join(folder, 'worker.mjs'), world.directory, world.deps.dist, String(attempt), JSON.stringify(asked)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  worker.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return { process: worker, output: () => output };
}

test.each([
  ['the worker', false],
  ['worker and child at once', true],
])('killing %s, at any moment, costs at most one interval and no byte', async (_what, both) => {
  const world = await createWorld();
  const trace = join(world.directory, 'trace');
  const expected = await accepted((await createWorld()).call(request('test.walk', { steps: 60 })));
  const asked = request('test.walk', { steps: 60, trace, stepMs: 10 });
  const entry = join(world.deps.dist, 'compute', 'child.js');
  let kills = 0;
  let outcome: PointOutcome | null = null;
  for (let attempt = 1; outcome === null; attempt++) {
    const worker = startWorker(world, asked, attempt);
    const gone = once(worker.process, 'close');
    if (kills < 3) {
      // One of them after a checkpoint, so that there is something to go on from.
      const before = stepsOf(trace).length + (kills === 1 ? 12 : 0);
      await Promise.race([gone, until(() => stepsOf(trace).length > before, 'the first step')]);
      await sleep(Math.random() * 400);
      if (both) for (const pid of children(entry, world.directory)) process.kill(pid, 'SIGKILL');
      if (worker.process.kill('SIGKILL')) kills++;
    }
    await gone;
    if (worker.output() !== '') outcome = JSON.parse(worker.output()) as PointOutcome;
    expect(attempt).toBeLessThan(10);
  }
  expect(kills).toBeGreaterThan(0);
  expect(outcome).toMatchObject({ status: 'accepted', outputs: expected.outputs, metrics: expected.metrics });
  const steps = stepsOf(trace);
  steps.forEach((step, i) => {
    const next = steps[i + 1];
    if (next !== undefined) expect(step + 1 - next).toBeLessThanOrEqual(10);
  });
  await until(() => children(entry, world.directory).length === 0, 'the last child to go');
  // What the lost workers left in their scratch space is swept by the next one.
  expect(readdirSync(join(world.directory, 'work'))).toEqual([]);
  expect(await world.store.listDocuments('checkpoints/')).toEqual([]);
  expect(readFileSync(join(world.directory, 'logs', 'run-1', 'step[seed=7].log'), 'utf8')).toContain(
    'Going on from the checkpoint',
  );
});
