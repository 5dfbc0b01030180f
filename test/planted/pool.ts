import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { computeEnvironment } from '../../compute/environment.ts';
import type { Answer, Task } from './child.ts';

/** Children that compute tasks, one at a time each. */
export class Pool {
  private readonly children: ChildProcess[] = [];
  /** The end of what each wrote to stderr: shown when it dies. */
  private readonly said = new Map<ChildProcess, string>();

  /** @param entry the built child.ts */
  constructor(
    private readonly entry: string,
    private readonly directory: string,
    private readonly size: number,
  ) {}

  /** All at once, since a build that begins meanwhile may sweep `entry` away. */
  async start(): Promise<void> {
    const env = computeEnvironment({ threads: 1, temporaryDirectory: this.directory, secrets: {} });
    for (let i = 0; i < this.size; i++) {
      const child = fork(this.entry, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
      child.stderr?.on('data', (text) => {
        this.said.set(child, `${this.said.get(child) ?? ''}${text}`.slice(-2000));
      });
      this.children.push(child);
    }
    await Promise.all(this.children.map((child) => this.answerOf(child)));
  }

  /**
   * The results in the order of the tasks.
   * @throws Error with the first failure
   */
  async all(tasks: readonly Task[], done: (result: unknown, task: Task) => void): Promise<unknown[]> {
    const results: unknown[] = [];
    let next = 0;
    const worker = async (child: ChildProcess) => {
      while (next < tasks.length) {
        const index = next++;
        const task = tasks[index] as Task;
        results[index] = await this.compute(child, task);
        done(results[index], task);
      }
    };
    await Promise.all(this.children.map(worker));
    return results;
  }

  end(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }

  private async compute(child: ChildProcess, task: Task): Promise<unknown> {
    child.send(task);
    const answer = await this.answerOf(child);
    if (answer.type === 'done') return answer.result;
    const seed = 'seed' in task ? `, seed ${task.seed}` : '';
    throw new Error(`${task.study}${seed}: ${answer.type === 'failed' ? answer.message : answer.type}`);
  }

  /** @throws Error when it dies before it answers */
  private async answerOf(child: ChildProcess): Promise<Answer> {
    const listening = new AbortController();
    const { signal } = listening;
    try {
      return await Promise.race([
        once(child, 'message', { signal }).then(([answer]) => answer as Answer),
        once(child, 'exit', { signal }).then(([code, by]): never => {
          throw new Error(`a compute process ended (${by ?? `exit ${code}`})\n${this.said.get(child) ?? ''}`);
        }),
      ]);
    } finally {
      listening.abort();
    }
  }
}
