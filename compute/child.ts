import { pathToFileURL } from 'node:url';
import { engineStamp, startEngine } from '../ml/engine/engine.ts';
import { describeFailure } from './failure.ts';
import { engineFingerprint, machineFingerprint, processUsage } from './fingerprint.ts';
import { createJob, type JobControl } from './job.ts';
import { Lockstep } from './lockstep.ts';
import { dieWithParent } from './orphan.ts';
import { checkResult, parseParentMessage } from './protocol.ts';
import { isSuspended } from './suspended.ts';
import {
  type ActivityBody,
  type ChildMessage,
  ComputeError,
  type JobDescription,
  type MemberMessage,
} from './types.ts';

/**
 * The process that computes one attempt at one point, or at several points that read the same data. Started by
 * `superviseGroup` with an IPC channel; gets one `start`, sends what happens, ends itself. It never outlives its parent, whose
 * PID is its argument.
 */

let members: Member[] = [];
let lockstep = new Lockstep(0);
const shared = new Map<string, unknown>();
/** Messages that are not out yet. */
let unsent = 0;

function send(message: ChildMessage): void {
  // A closed channel means that the parent is gone; `disconnect` ends this process.
  if (!process.connected) return;
  unsent++;
  process.send?.(message, undefined, undefined, () => {
    unsent--;
    leaveIfDone();
  });
}

/** The process ends with the last point: nothing that still runs in a body matters any more. */
function leaveIfDone(): void {
  if (unsent === 0 && members.length > 0 && members.every(({ ended }) => ended)) process.exit(0);
}

/** What several points need alike. */
function share<T>(name: string, make: () => T): T {
  if (!shared.has(name)) shared.set(name, make());
  return shared.get(name) as T;
}

class Member {
  private readonly stop = new AbortController();
  private control: JobControl | null = null;
  private stored: { step: number; resolve: () => void } | null = null;
  ended = false;

  constructor(
    private readonly index: number,
    private readonly description: JobDescription,
  ) {}

  async run(): Promise<void> {
    const { description, index, stop } = this;
    try {
      const { run: body } = (await import(pathToFileURL(description.module).href)) as { run?: ActivityBody };
      if (typeof body !== 'function') throw new Error(`${description.module} exports no function named run`);
      const created = createJob(description, {
        send: (message) => this.send(message),
        signal: stop.signal,
        store: (step, directory, seconds) =>
          new Promise((resolve) => {
            this.stored = { step, resolve };
            this.send({ type: 'checkpoint', step, directory, seconds });
          }),
        company: {
          turn: async (step) => (stop.signal.aborted ? undefined : lockstep.turn(index, step)),
          share,
        },
      });
      this.control = created.control;
      const result = await body(created.job);
      checkResult(result, description);
      this.end({ type: 'result', result, environment: engineFingerprint(), usage: processUsage() });
    } catch (error) {
      if (isSuspended(error)) this.end({ type: 'suspended', step: error.step, total: error.total });
      else if (stop.signal.aborted && (error as Error)?.name === 'AbortError') this.end({ type: 'stopped' });
      else this.fail(error);
    }
  }

  storedAt(step: number): void {
    if (this.stored?.step === step) this.stored.resolve();
  }

  requestStop(): void {
    this.stop.abort();
    lockstep.release(this.index);
    if (this.control === null || this.control.mayEnd() === 'now') this.end({ type: 'stopped' });
  }

  fail(error: unknown): void {
    this.end(describeFailure(error));
  }

  drop(): void {
    this.stop.abort();
    this.end(null);
  }

  private end(message: MemberMessage | null): void {
    if (this.ended) return;
    this.control?.flush();
    if (message !== null) this.send(message);
    this.ended = true;
    lockstep.leave(this.index);
    if (!process.connected) process.exit(1);
    leaveIfDone();
  }

  private send(message: MemberMessage): void {
    if (!this.ended) send({ ...message, member: this.index });
  }
}

async function start(jobs: JobDescription[]): Promise<void> {
  members = jobs.map((job, index) => new Member(index, job));
  lockstep = new Lockstep(jobs.length);
  send({ type: 'started', environment: machineFingerprint(jobs[0]?.threads ?? 1) });
  try {
    if (engineStamp()?.backend === 'wasm') await startEngine(); // The only engine that cannot start on first use.
  } catch (error) {
    failAll(error);
  }
  for (const member of members) void member.run();
}

function failAll(error: unknown): void {
  if (members.length === 0) throw error;
  const { stack = String(error) } = error instanceof Error ? error : {};
  // Which of several points it came from cannot be told.
  const cause =
    members.length === 1
      ? error
      : new ComputeError('crashed', `An error that no point was waiting for: ${stack}`, { retryable: true });
  for (const member of members) member.fail(cause);
}

process.on('message', (raw) => {
  const message = parseParentMessage(raw);
  if (message.type === 'start') void start(message.jobs);
  else if (message.type === 'checkpoint-stored') members[message.member]?.storedAt(message.step);
  else if (message.type === 'drop') members[message.member]?.drop();
  else members[message.member]?.requestStop();
});
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.on('SIGTERM', () => {
  if (members.length === 0) process.exit(0);
  for (const member of members) member.requestStop();
});
// The terminal's Ctrl-C is for the worker, which stops its children in order.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', failAll);
process.on('unhandledRejection', failAll);
dieWithParent(Number(process.argv[2]));
