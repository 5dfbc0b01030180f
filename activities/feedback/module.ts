import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ComputeError } from '../../ml/failure.ts';
import type { ModuleFeedback } from '../../schemas/generated/parameters.ts';
import { moduleProgram } from './module-source.ts';
import type { Opener } from './types.ts';

type Message =
  | { type: 'ready'; scores: boolean }
  | { type: 'scores'; scores: number[] }
  | { type: 'failed'; message: string };

/**
 * A file of the team scores, in a thread of its own: an endless loop is ended after `timeout-seconds`, and of the
 * environment it sees nothing, no secrets. It is the team's code all the same, and may read what the worker may read.
 */
export const openModule: Opener<ModuleFeedback> = async (feedback, { job, field, name }) => {
  const { file, 'timeout-seconds': seconds } = feedback;
  const program = join(job.workDirectory, `${name}-module.mjs`);
  await writeFile(program, await moduleProgram(file.$path));
  const thread = new ModuleThread(program, file.$path, seconds, field);
  const ready = await thread.next();
  if (ready.type !== 'ready' || !ready.scores) {
    thread.end();
    throw new ComputeError('bad-module', `${file.$path} exports no function to score with`, {
      hint: 'Export `score(prompts, completions)`, or that as the default.',
    });
  }
  return {
    description: `the scores of ${basename(file.$path)}`,
    async score(texts) {
      const reply = await thread.ask({
        prompts: texts.map(({ prompt }) => prompt),
        completions: texts.map(({ completion }) => completion),
      });
      // Not a ComputeError: whoever checks the scores finds the text that it fails on.
      if (reply.type === 'failed') throw new Error(reply.message);
      return reply.type === 'scores' ? reply.scores : [];
    },
    close: () => thread.end(),
  };
};

class ModuleThread {
  private readonly worker: Worker;
  private ended: ComputeError | null = null;

  constructor(
    program: string,
    private readonly file: string,
    private readonly seconds: number,
    private readonly field: string,
  ) {
    this.worker = new Worker(program, { env: {}, execArgv: ['--enable-source-maps'], name: 'reward' });
    // A thread that was forgotten must not keep the process alive.
    this.worker.unref();
    this.worker.on('error', (error) => this.failed(`failed: ${error?.stack ?? error}`));
    this.worker.on('exit', (code) => this.failed(`ended its thread (exit code ${code})`));
  }

  ask(message: unknown): Promise<Message> {
    this.worker.postMessage(message);
    return this.next();
  }

  /** The next message, in time. */
  async next(): Promise<Message> {
    if (this.ended) throw this.ended;
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd);
        how();
      };
      const onMessage = (message: Message) => settle(() => resolve(message));
      const onEnd = () => settle(() => reject(this.ended));
      const timer = setTimeout(() => {
        this.ended = new ComputeError('reward-timeout', `${this.file} did not answer in ${this.seconds} s`, {
          hint: `Raise \`${this.field}.timeout-seconds\` if it needs longer.`,
        });
        void this.worker.terminate();
        onEnd();
      }, this.seconds * 1000);
      this.worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd);
    });
  }

  end(): void {
    this.ended ??= new ComputeError('internal', `${this.file} was let go of`);
    void this.worker.terminate();
  }

  private failed(what: string): void {
    this.ended ??= new ComputeError('bad-reward', `${this.file} ${what}`, {
      hint: 'It must give one number a text, and neither throw when it is loaded nor end the process.',
    });
  }
}
