import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, LoopOptions } from '../../compute/types.ts';
import { FILES, type Kill } from './kills.ts';

/**
 * The part within the compute child: the same job, whose loop says when it has come to the place where it shall be killed. It
 * changes nothing of what is computed. What writes a checkpoint is held up by a pipe that stands where the file should be.
 */
export function disturbed(job: Job, control: string): Job {
  const at = (name: string) => join(control, name);
  const kill = JSON.parse(readFileSync(at(FILES.kill), 'utf8')) as Kill | null;
  const say = (name: string, what: object) => {
    writeFileSync(`${at(name)}.new`, JSON.stringify(what));
    renameSync(`${at(name)}.new`, at(name));
  };
  const { loop } = job;
  let done = 0;
  const told = (options: LoopOptions): LoopOptions => ({
    ...options,
    async step(i) {
      if (kill?.how === 'within a step' && kill.at === i) say(FILES.ready, {});
      const metrics = await options.step(i);
      appendFileSync(at(FILES.trace), `${JSON.stringify({ step: i, metrics })}\n`);
      if (kill?.how === 'after a step' && kill.at === i) {
        say(FILES.ready, {});
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      }
      done = i + 1;
      return metrics;
    },
    save() {
      if (kill?.how.startsWith('writing') && kill.at === done) {
        const directory = join(job.workDirectory, 'checkpoints', String(done));
        const fifo = join(
          directory,
          kill.how === 'writing tensors' ? 'state.safetensors.partial' : 'state.json',
        );
        mkdirSync(directory, { recursive: true });
        execFileSync('mkfifo', [fifo]);
        say(FILES.ready, { fifo });
      }
      return options.save();
    },
  });
  say(FILES.child, { pid: process.pid });
  return Object.defineProperty(job, 'loop', { value: (options: LoopOptions) => loop(told(options)) });
}
