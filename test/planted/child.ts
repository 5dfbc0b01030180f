import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Steps } from './steps.ts';
import { makeUntuned, noFeedback, plantedTruth, type Untuned } from './studies.ts';
import type { Measures } from './verdict.ts';

/** What a child is told to compute: what all planted truths share, or one seed of a study. */
export type Task =
  | { study: 'untuned'; directory: string }
  | { study: 'planted'; directory: string; seed: number; untuned: Untuned }
  | { study: 'null'; directory: string; seed: number };

/** `ready`: it can take a task. */
export type Answer = { type: 'ready' } | { type: 'done'; result: Untuned | Measures } | Failed;
export interface Failed {
  type: 'failed';
  message: string;
}

/** Of every seed: results depend on it bit by bit. */
const THREADS = 1;

async function work(task: Task): Promise<Untuned | Measures> {
  if (task.study === 'untuned') return await makeUntuned(new Steps(task.directory, 0, THREADS));
  const directory = mkdtempSync(join(task.directory, `${task.study}-${task.seed}-`));
  try {
    const steps = new Steps(directory, task.seed, THREADS);
    return task.study === 'planted'
      ? await plantedTruth(steps, task.untuned, task.seed)
      : await noFeedback(steps);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const answer = (message: Answer) => process.send?.(message);

process.on('message', (task: Task) => {
  work(task).then(
    (result) => answer({ type: 'done', result }),
    (error: unknown) => answer({ type: 'failed', message: (error as Error).stack ?? String(error) }),
  );
});
// The terminal's Ctrl-C reaches the parent, whose end closes the channel.
process.on('disconnect', () => process.exit(1));
process.on('SIGINT', () => undefined);
answer({ type: 'ready' });
