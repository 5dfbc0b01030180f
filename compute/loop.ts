import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { readCheckpoint, writeCheckpoint } from './checkpoint-files.ts';
import { Suspended } from './suspended.ts';
import { ComputeError, type JobDescription, type LoopOptions } from './types.ts';

/** What the loop needs of the process that runs it. */
export interface LoopHost {
  job: Pick<
    JobDescription,
    'checkpointEvery' | 'checkpointSeconds' | 'segmentUnits' | 'resume' | 'workDirectory'
  >;
  stopRequested(): boolean;
  progress(done: number, total: number, metrics?: Record<string, number>): void;
  /** Resolves when the step may begin, or when `stopRequested`: several loops in one process do the same step together. */
  turn?(step: number): Promise<void>;
  /** Hands a complete checkpoint over, which took so many seconds to write; resolves when it is stored. */
  store(step: number, directory: string, seconds: number): Promise<void>;
}

/**
 * The resumable loop: see `LoopOptions`.
 * @returns steps done
 * @throws Suspended at the end of a segment and when told to stop
 */
export async function runLoop(host: LoopHost, options: LoopOptions): Promise<number> {
  const { total, save, load, step } = options;
  const { checkpointEvery, checkpointSeconds, segmentUnits, workDirectory } = host.job;
  const from = host.job.resume ?? options.start ?? null;
  if (!Number.isSafeInteger(total) || total < 0) {
    throw new ComputeError(
      'bad-parameter',
      `A loop of ${total} steps: the number of steps must be a whole number.`,
    );
  }
  let done = 0;
  if (from !== null) {
    if (from.step > total) {
      throw new ComputeError(
        'bad-checkpoint',
        `The checkpoint is at step ${from.step} of a loop of ${total} steps.`,
      );
    }
    await load(await readCheckpoint(from.directory, from.step));
    done = from.step;
  }
  const storedFiles = new Set<string>();
  let saved = done;
  let savedAt = performance.now();
  const checkpoint = async () => {
    if (saved === done) return;
    const directory = join(workDirectory, 'checkpoints', String(done));
    const startedAt = performance.now();
    const state = await save();
    await writeCheckpoint(directory, done, state, storedFiles);
    await host.store(done, directory, (performance.now() - startedAt) / 1000);
    for (const name of Object.keys(state.files ?? {})) storedFiles.add(name);
    await rm(directory, { recursive: true, force: true });
    saved = done;
    savedAt = performance.now();
  };
  // When it saves changes nothing of what it computes.
  const checkpointDue = () =>
    (checkpointEvery !== null && done % checkpointEvery === 0) ||
    (checkpointSeconds !== undefined && performance.now() - savedAt >= 1000 * checkpointSeconds);
  const suspendIfTold = async () => {
    // Lets messages in: steps are synchronous for as long as they like.
    await setImmediate();
    if (done < total) await host.turn?.(done);
    if (!host.stopRequested()) return;
    await checkpoint();
    throw new Suspended(done, total);
  };

  host.progress(done, total);
  await suspendIfTold();
  while (done < total && !options.finished?.()) {
    const metrics = await step(done);
    done++;
    assertFinite(metrics, done, total);
    host.progress(done, total, metrics);
    await suspendIfTold();
    if (done === total) break;
    const segmentOver = segmentUnits !== null && done % segmentUnits === 0;
    if (segmentOver || checkpointDue()) await checkpoint();
    if (segmentOver) throw new Suspended(done, total);
  }
  return done;
}

function assertFinite(metrics: Record<string, number>, done: number, total: number): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (Number.isFinite(value)) continue;
    throw new ComputeError('nan-loss', `${name} is ${value} at step ${done} of ${total}.`, {
      hint: 'Training diverged: lower `learning-rate`, or clip gradients and rewards more tightly.',
      details: { metric: name, step: done },
    });
  }
}
