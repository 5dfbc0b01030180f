import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Json, ProcessUsage } from '../store/types.ts';
import { classifyExit } from './exit.ts';
import { Member } from './member.ts';
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

/** The process of one attempt, or of several that read the same data. */
export interface ProcessOptions {
  /** The built compute/child.ts. */
  entry: string;
  environment: Record<string, string>;
  /** Where it runs. */
  directory: string;
}

export interface MemberOptions {
  job: JobDescription;
  /** The child is killed when it shows no progress for so long. */
  stallSeconds: number;
  /** From `stop` to SIGKILL; SIGTERM comes half way. */
  graceSeconds: number;
  /** Aborted when the attempt shall stop; the reason is given to it. */
  signal: AbortSignal;
  stopReason: () => StopReason;
  onProgress(done: number, total: number, metrics: Record<string, number>): void;
  onLog(line: string): void;
  /** Stores the checkpoint, which took so many seconds to write; the child waits. A rejection ends the attempt with that error. */
  onCheckpoint(step: number, directory: string, seconds: number): Promise<void>;
  /** Another attempt in the same process went on: this one has not stalled while it waits for it. */
  onMoved?(): void;
}

export interface SuperviseOptions extends MemberOptions {
  entry: string;
  environment: Record<string, string>;
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
  const { entry, environment, job } = options;
  return superviseGroup({ entry, environment, directory: job.workDirectory }, [options])[0]!;
}

/**
 * Runs attempts at several points in one child process. Each ends by itself, with its own outcome; the last one when no
 * process of the child's group is left. What ends the process ends all.
 */
export function superviseGroup(
  process: ProcessOptions,
  members: readonly MemberOptions[],
): Promise<ChildOutcome>[] {
  const supervision = new Supervision(process, members);
  void supervision.run();
  return supervision.members.map(({ outcome }) => outcome);
}

class Supervision {
  readonly members: Member[];
  private readonly child: ChildProcess;
  private readonly environment: Record<string, Json> = {};
  private readonly tail: string[] = [];
  private stall: NodeJS.Timeout | undefined;
  private leaving: NodeJS.Timeout | undefined;

  constructor(options: ProcessOptions, members: readonly MemberOptions[]) {
    this.members = members.map((member) => new Member(member));
    this.child = spawn(process.execPath, [options.entry, String(process.pid)], {
      cwd: options.directory,
      env: options.environment,
      // A group of its own: the terminal's Ctrl-C does not reach it, and all of it can be killed at once.
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  }

  async run(): Promise<void> {
    try {
      const means = await this.follow();
      for (const member of this.members) member.settle(means);
    } catch (error) {
      for (const member of this.members) member.settle(() => error);
    } finally {
      clearTimeout(this.stall);
      clearTimeout(this.leaving);
    }
  }

  /** Follows the child to its end. @returns what that means for an attempt that said nothing */
  private async follow(): Promise<() => unknown> {
    const { child } = this;
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
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => this.heard(this.members, line));
    }
    this.send({ type: 'start', jobs: this.members.map(({ options }) => options.job) });
    this.restartStall();
    for (const member of this.members) member.onAbort(() => this.stop(member));
    const [code, signal] = await gone;
    clearTimeout(this.stall);
    this.kill('SIGKILL'); // What the child has started and left behind.
    await drained;
    await Promise.all(this.members.map(({ storing }) => storing));
    return () => classifyExit({ code, signal, kernelOutOfMemory: kernelKilled(), tail: this.tail });
  }

  /** Those that have not told how they ended. */
  private get unsettled(): Member[] {
    return this.members.filter(({ isOver }) => !isOver);
  }

  private receive(raw: unknown): void {
    try {
      this.handle(parseChildMessage(raw));
    } catch (error) {
      this.failAll(error);
    }
  }

  private handle(message: ChildMessage): void {
    if (message.type === 'started') {
      Object.assign(this.environment, message.environment);
      this.restartStall();
      return;
    }
    const member = this.members[message.member];
    if (member === undefined || member.isOver) return;
    switch (message.type) {
      case 'progress':
        this.restartStall();
        member.options.onProgress(message.done, message.total, message.metrics);
        for (const other of this.unsettled) if (other !== member) other.options.onMoved?.();
        break;
      case 'log':
        this.heard([member], message.message);
        break;
      case 'checkpoint':
        member.storing = this.store(member, message.step, message.directory, message.seconds);
        break;
      case 'result': {
        const { result, usage } = message;
        const environment = { ...this.environment, ...message.environment };
        this.end(member, { type: 'result', result, environment, usage });
        break;
      }
      case 'suspended':
        this.end(member, { type: 'suspended', step: message.step, total: message.total });
        break;
      case 'stopped':
        this.end(member, { type: 'stopped' });
        break;
      case 'failure': {
        const { code, retryable, hint, retryAfterSeconds, stack } = message;
        if (stack !== undefined) this.heard([member], stack);
        const failure = new ComputeError(code, message.message, {
          retryable,
          ...(hint === undefined ? {} : { hint }),
          ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
        });
        // A body that was told to stop may end any way it likes.
        this.end(member, member.stopping ? { type: 'stopped' } : failure);
        break;
      }
    }
  }

  /** The body waits meanwhile, so neither stalls nor is killed for it. */
  private async store(member: Member, step: number, directory: string, seconds: number): Promise<void> {
    clearTimeout(this.stall);
    member.beginStoring();
    try {
      await member.options.onCheckpoint(step, directory, seconds);
    } catch (error) {
      this.dismiss(member, error);
      return;
    } finally {
      member.isStoring = false;
      this.restartStall();
    }
    this.send({ type: 'checkpoint-stored', member: this.members.indexOf(member), step });
    if (member.stopping) this.killLater(member);
  }

  private stop(member: Member): void {
    if (member.stopping || member.isOver) return;
    member.stopping = true;
    const reason = member.options.stopReason();
    this.send({ type: 'stop', member: this.members.indexOf(member), reason });
    if (!member.isStoring) this.killLater(member);
  }

  private killLater(member: Member): void {
    const grace = member.options.graceSeconds * 1000;
    // The process is the others' too.
    const alone = () => this.unsettled.every(({ stopping }) => stopping);
    member.after(grace / 2, () => alone() && this.kill('SIGTERM'));
    member.after(grace, () => (alone() ? this.kill('SIGKILL') : this.dismiss(member, { type: 'stopped' })));
  }

  private restartStall(): void {
    clearTimeout(this.stall);
    const { unsettled } = this;
    if (unsettled.length === 0 || unsettled.some(({ isStoring }) => isStoring)) return;
    const seconds = Math.max(...unsettled.map(({ options }) => options.stallSeconds));
    this.stall = setTimeout(() => {
      this.failAll(
        new ComputeError('stalled', `No progress for ${seconds} s: the compute process was killed.`, {
          retryable: true,
          hint: 'Look at the last lines of the log. If single steps really take this long, make them smaller (`batch`, `context`).',
        }),
      );
    }, seconds * 1000);
  }

  /** It has said its last word. The last of all settles with the process. */
  private end(member: Member, said: ChildOutcome | Error): void {
    member.end(said);
    if (this.unsettled.length > 0) {
      member.settle();
      return;
    }
    clearTimeout(this.stall);
    this.leaving = setTimeout(() => this.kill('SIGKILL'), LEAVE_MS);
  }

  /** Ends it whatever it does: alone, if others are at work in the process. */
  private dismiss(member: Member, said: ChildOutcome | unknown): void {
    if (member.isOver) return;
    member.end(said);
    if (this.unsettled.length === 0) {
      this.kill('SIGKILL');
      return;
    }
    this.send({ type: 'drop', member: this.members.indexOf(member) });
    member.settle();
  }

  private failAll(error: unknown): void {
    for (const member of this.unsettled) member.end(error);
    this.kill('SIGKILL');
  }

  private heard(members: readonly Member[], text: string): void {
    for (const line of text.split('\n')) {
      this.tail.push(line);
      if (this.tail.length > TAIL_LINES) this.tail.shift();
      for (const member of members) if (!member.isSettled) member.options.onLog(line);
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
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {
    // It has ended already, or the system has no priorities.
  }
}
