import { pathToFileURL } from 'node:url';
import { engineStamp, startEngine } from '../ml/engine/engine.ts';
import { describeFailure } from './failure.ts';
import { engineFingerprint, machineFingerprint, processUsage } from './fingerprint.ts';
import { createJob, type JobControl } from './job.ts';
import { dieWithParent } from './orphan.ts';
import { checkResult, parseParentMessage } from './protocol.ts';
import { isSuspended } from './suspended.ts';
import type { ActivityBody, ChildMessage, JobDescription } from './types.ts';

/**
 * The process that computes one attempt at one point. Started by `superviseChild` with an IPC channel; gets one `start`,
 * sends what happens, ends itself. It never outlives its parent, whose PID is its argument.
 */

const stop = new AbortController();
let control: JobControl | null = null;
let stored: { step: number; resolve: () => void } | null = null;

function send(message: ChildMessage): void {
  // A closed channel means that the parent is gone; `disconnect` ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The last message, then the end: nothing that still runs in the body matters any more. */
function finish(message: ChildMessage): void {
  control?.flush();
  if (!process.connected) process.exit(1);
  process.send?.(message, undefined, undefined, () => process.exit(0));
}

function requestStop(): void {
  stop.abort();
  if (control === null || control.mayEnd() === 'now') process.exit(0);
}

async function run(description: JobDescription): Promise<void> {
  try {
    if (engineStamp()?.backend === 'wasm') await startEngine(); // The only engine that cannot start on first use.
    const { run: body } = (await import(pathToFileURL(description.module).href)) as { run?: ActivityBody };
    if (typeof body !== 'function') throw new Error(`${description.module} exports no function named run`);
    const created = createJob(description, {
      send,
      signal: stop.signal,
      store: (step, directory, seconds) =>
        new Promise((resolve) => {
          stored = { step, resolve };
          send({ type: 'checkpoint', step, directory, seconds });
        }),
    });
    control = created.control;
    const result = await body(created.job);
    checkResult(result, description);
    finish({ type: 'result', result, environment: engineFingerprint(), usage: processUsage() });
  } catch (error) {
    if (isSuspended(error)) finish({ type: 'suspended', step: error.step, total: error.total });
    else if (stop.signal.aborted && (error as Error)?.name === 'AbortError') process.exit(0);
    else finish(describeFailure(error));
  }
}

process.on('message', (raw) => {
  const message = parseParentMessage(raw);
  if (message.type === 'start') {
    send({ type: 'started', environment: machineFingerprint(message.job.threads) });
    void run(message.job);
  } else if (message.type === 'checkpoint-stored') {
    if (stored?.step === message.step) stored.resolve();
  } else requestStop();
});
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.on('SIGTERM', requestStop);
// The terminal's Ctrl-C is for the worker, which stops its children in order.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', (error) => finish(describeFailure(error)));
process.on('unhandledRejection', (error) => finish(describeFailure(error)));
dieWithParent(Number(process.argv[2]));
