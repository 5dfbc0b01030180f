import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Json, ProcessUsage } from '../store/types.ts';
import { classifyExit } from './exit.ts';
import { watchKernelKills } from './out-of-memory.ts';
import { parseChildMessage } from './protocol.ts';
import {
  type BodyResult,
  type ChildMessage,
  ComputeError,
  type JobDescription,
  type ParentMessage,
} from './types.ts';

export type StopReason = Extract<ParentMessage, { type: 'stop' }>['reason'];

export interface SuperviseOptions {
  /** The built compute/child.ts. */
  entry: string;
  job: JobDescription;
  environment: Record<string, string>;
  /** The child is killed when it shows no progress for so long. */
  stallSeconds: number;
  /** From `stop` to SIGKILL; SIGTERM comes half way. */
  graceSeconds: number;
  /** Aborted when the child shall stop; the reason is given to it. */
  signal: AbortSignal;
  stopReason: () => StopReason;
  onProgress(done: number, total: number, metrics: Record<string, number>): void;
  onLog(line: string): void;
  /** Stores the checkpoint, which took so many seconds to write; the child waits. A rejection ends the attempt with that error. */
  onCheckpoint(step: number, directory: string, seconds: number): Promise<void>;
}

export type ChildOutcome =
  | { type: 'result'; result: BodyResult; environment: Record<string, Json>; usage: ProcessUsage }
  | { type: 'suspended'; step: number; total: number }
  /** It was told to stop, and did. */
  | { type: 'stopped' };

/** After its last message a child has so long to leave. */
const LEAVE_MS = 5000;
const DRAIN_MS = 2000;
const TAIL_LINES = 40;
/** Below the worker, so that heartbeats are sent on time, and below what else the machine is used for. */
const NICENESS = 5;

/**
 * Runs one attempt in a child process and follows it to its end: no process of the child's group is left when this settles.
 * @throws ComputeError what the body said, or what its end means
 */
export async function superviseChild(options: SuperviseOptions): Promise<ChildOutcome> {
  return new Supervision(options).run();
}

class Supervision {
  private readonly child: ChildProcess;
  private readonly environment: Record<string, Json> = {};
  private readonly tail: string[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private outcome: ChildOutcome | null = null;
  private failure: unknown = null;
  private stopping = false;
  private storing: Promise<void> = Promise.resolve();
  private isStoring = false;
  private stall: NodeJS.Timeout | null = null;

  constructor(private readonly options: SuperviseOptions) {
    this.child = spawn(process.execPath, [options.entry, String(process.pid)], {
      cwd: options.job.workDirectory,
      env: options.environment,
      // A group of its own: the terminal's Ctrl-C does not reach it, and all of it can be killed at once.
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  }

  async run(): Promise<ChildOutcome> {
    const { child, options } = this;
    const kernelKilled = watchKernelKills(child.pid ?? process.pid);
    const spawned = once(child, 'spawn');
    const gone = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
    });
    // Messages and output can arrive after the exit.
    const drained = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      // A process that left the group may hold the pipes open.
      child.once('exit', () => setTimeout(resolve, DRAIN_MS).unref());
    });
    const stop = () => this.stop();
    try {
      await spawned;
    } catch (error) {
      throw new ComputeError(
        'spawn-failed',
        `The compute process could not start: ${(error as Error).message}`,
        {
          retryable: true,
          hint: 'The host is short of memory or processes.',
        },
      );
    }
    lowerPriority(child.pid as number);
    child.on('error', () => undefined); // A send that fails: the exit follows and says more.
    child.on('message', (raw) => this.receive(raw));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.heard(line));
    }
    try {
      this.send({ type: 'start', job: options.job });
      this.restartStall();
      options.signal.addEventListener('abort', stop);
      if (options.signal.aborted) this.stop();
      const [code, signal] = await gone;
      this.clearTimers();
      this.kill('SIGKILL'); // What the child has started and left behind.
      await drained;
      await this.storing;
      if (this.failure !== null) throw this.failure;
      if (this.outcome !== null) return this.outcome;
      if (this.stopping) return { type: 'stopped' };
      throw classifyExit({ code, signal, kernelOutOfMemory: kernelKilled(), tail: this.tail });
    } finally {
      options.signal.removeEventListener('abort', stop);
      this.clearTimers();
    }
  }

  private receive(raw: unknown): void {
    try {
      this.handle(parseChildMessage(raw));
    } catch (error) {
      this.fail(error);
    }
  }

  private handle(message: ChildMessage): void {
    switch (message.type) {
      case 'started':
        Object.assign(this.environment, message.environment);
        this.restartStall();
        break;
      case 'progress':
        this.restartStall();
        this.options.onProgress(message.done, message.total, message.metrics);
        break;
      case 'log':
        this.heard(message.message);
        break;
      case 'checkpoint':
        this.storing = this.store(message.step, message.directory, message.seconds);
        break;
      case 'result':
        this.end({
          type: 'result',
          result: message.result,
          environment: { ...this.environment, ...message.environment },
          usage: message.usage,
        });
        break;
      case 'suspended':
        this.end({ type: 'suspended', step: message.step, total: message.total });
        break;
      case 'failure': {
        const { code, retryable, hint, retryAfterSeconds, stack } = message;
        if (stack !== undefined) this.heard(stack);
        // A body that was told to stop may end any way it likes.
        if (!this.stopping) {
          this.failure ??= new ComputeError(code, message.message, {
            retryable,
            ...(hint === undefined ? {} : { hint }),
            ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
          });
        }
        this.leave();
        break;
      }
    }
  }

  /** The child waits meanwhile, so neither stalls nor is killed for it. */
  private async store(step: number, directory: string, seconds: number): Promise<void> {
    this.clearTimers();
    this.isStoring = true;
    try {
      await this.options.onCheckpoint(step, directory, seconds);
    } catch (error) {
      this.fail(error);
      return;
    } finally {
      this.isStoring = false;
    }
    this.send({ type: 'checkpoint-stored', step });
    if (this.stopping) this.killLater();
    else this.restartStall();
  }

  private stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.send({ type: 'stop', reason: this.options.stopReason() });
    if (!this.isStoring) this.killLater();
  }

  private killLater(): void {
    const grace = this.options.graceSeconds * 1000;
    this.after(grace / 2, () => this.kill('SIGTERM'));
    this.after(grace, () => this.kill('SIGKILL'));
  }

  private restartStall(): void {
    if (this.stall !== null) clearTimeout(this.stall);
    const { stallSeconds } = this.options;
    this.stall = this.after(stallSeconds * 1000, () => {
      this.fail(
        new ComputeError('stalled', `No progress for ${stallSeconds} s: the compute process was killed.`, {
          retryable: true,
          hint: 'Look at the last lines of the log. If single steps really take this long, make them smaller (`batch`, `context`).',
        }),
      );
    });
  }

  private end(outcome: ChildOutcome): void {
    this.outcome ??= outcome;
    this.leave();
  }

  private leave(): void {
    this.clearTimers();
    this.after(LEAVE_MS, () => this.kill('SIGKILL'));
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.kill('SIGKILL');
  }

  private heard(text: string): void {
    for (const line of text.split('\n')) {
      this.tail.push(line);
      if (this.tail.length > TAIL_LINES) this.tail.shift();
      this.options.onLog(line);
    }
  }

  private send(message: ParentMessage): void {
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private kill(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, signal);
    } catch {
      // The group is gone.
    }
  }

  private after(milliseconds: number, action: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  private clearTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.stall = null;
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {
    // It has ended already, or the system has no priorities.
  }
}
