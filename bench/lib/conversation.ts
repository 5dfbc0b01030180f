import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { withForeignCores } from './busy.ts';

export interface Answer {
  seconds: number;
  check: number[];
  /** Seconds of its parts. */
  parts?: Record<string, number>;
  /** Of the process so far. */
  peakMegabytes: number;
  /** What others took of the machine meanwhile, in cores. */
  foreignCores: number;
}

/** One side of a benchmark: a process that answers a JSON line by a JSON line. Idle processes cost nothing. */
export class Side {
  private readonly lines: AsyncIterator<string>;
  private errors = '';
  version = '';

  private constructor(
    readonly name: string,
    private readonly child: ChildProcessWithoutNullStreams,
  ) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk) => {
      this.errors = `${this.errors}${chunk}`.slice(-4000);
    });
  }

  /** @param env what the process sees besides this one's environment */
  static async start(name: string, command: readonly string[], env: Record<string, string>): Promise<Side> {
    const [program, ...args] = command as [string, ...string[]];
    const side = new Side(name, spawn(program, args, { env: { ...process.env, ...env } }));
    side.version = (await side.next<{ version: string }>()).version;
    return side;
  }

  async ask(task: string, ...args: unknown[]): Promise<Answer> {
    const { value, foreignCores } = await withForeignCores(this.child.pid as number, () => {
      this.child.stdin.write(`${JSON.stringify({ task, arguments: args })}\n`);
      return this.next<Omit<Answer, 'foreignCores'>>();
    });
    return { ...value, foreignCores };
  }

  async end(): Promise<void> {
    const gone = this.child.exitCode === null ? once(this.child, 'exit') : null;
    this.child.stdin.end();
    await gone;
  }

  private async next<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended: ${this.errors}`);
    return JSON.parse(value) as T;
  }
}
