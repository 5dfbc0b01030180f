import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type LoopHost, runLoop } from '../../compute/loop.ts';
import { temporaryDirectory } from './build.ts';

/** Runs a loop of 12 steps of 20 ms each. */
async function saves(job: Partial<LoopHost['job']>) {
  const workDirectory = temporaryDirectory('loop');
  const saved: { step: number; seconds: number }[] = [];
  await runLoop(
    {
      job: { checkpointEvery: null, segmentUnits: null, resume: null, workDirectory, ...job },
      stopRequested: () => false,
      progress: () => undefined,
      async store(step, directory, seconds) {
        expect(existsSync(join(directory, 'state.safetensors'))).toBe(true);
        saved.push({ step, seconds });
      },
    },
    {
      total: 12,
      async save() {
        await sleep(5);
        return { tensors: {}, json: null };
      },
      load: () => undefined,
      step: async () => {
        await sleep(20);
        return {};
      },
    },
  );
  return saved;
}

test('steps between checkpoints are counted; writing them is timed', async () => {
  const saved = await saves({ checkpointEvery: 5 });
  expect(saved.map(({ step }) => step)).toEqual([5, 10]);
  for (const { seconds } of saved) {
    expect(seconds).toBeGreaterThan(0.004);
    expect(seconds).toBeLessThan(5);
  }
});

test('time between checkpoints counts from the last one', async () => {
  const steps = (await saves({ checkpointSeconds: 0.055 })).map(({ step }) => step);
  expect(steps.length).toBeGreaterThan(0);
  expect(steps[0]).toBeGreaterThanOrEqual(1);
  // 12 steps take at least 240 ms, a checkpoint at most one in 55 ms; a busy machine makes steps longer and saves more.
  for (const [i, step] of steps.slice(1).entries()) expect(step).toBeGreaterThan(steps[i] as number);
  expect(await saves({ checkpointSeconds: 3600 })).toEqual([]);
  expect(await saves({})).toEqual([]);
});
