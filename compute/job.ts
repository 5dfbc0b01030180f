import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactType } from '../store/types.ts';
import { runLoop } from './loop.ts';
import { ComputeError, type Job, type JobDescription, type MemberMessage } from './types.ts';

/** The channel from a body to whoever supervises it. */
export interface JobHost {
  send(message: MemberMessage): void;
  /** Resolves when the checkpoint is stored. */
  store(step: number, directory: string, seconds: number): Promise<void>;
  signal: AbortSignal;
  /** Where other points are computed in the same process. */
  company?: Company;
}

/** The other points of a process, as one of them sees them. */
export interface Company {
  /** Resolves when a step of the loop may begin, or when the point is told to stop. */
  turn(step: number): Promise<void>;
  share: Job['share'];
}

/** How the attempt may be ended at this moment. */
export interface JobControl {
  /** `now`: nothing would be lost. `soon`: the body was told and ends by itself. */
  mayEnd(): 'now' | 'soon';
  /** Sends what progress has been held back. */
  flush(): void;
}

/** Progress is sent at most so often; bodies may report every step. */
const PROGRESS_MS = 100;

/** The Job that a body sees, over a channel to its parent. */
export function createJob(description: JobDescription, host: JobHost): { job: Job; control: JobControl } {
  let held: MemberMessage | null = null;
  let sentAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;
  let loops = 0;
  let looping = false;
  let listening = false;

  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (held === null) return;
    host.send(held);
    held = null;
    sentAt = performance.now();
  };

  const job: Job = {
    kind: description.kind,
    point: description.point,
    params: description.params,
    seed: description.seed,
    workDirectory: description.workDirectory,
    durableDirectory: description.durableDirectory,
    cacheDirectory: description.cacheDirectory,
    threads: description.threads,
    get signal() {
      listening = true;
      return host.signal;
    },
    progress(done, total, metrics = {}) {
      held = { type: 'progress', done, total, metrics };
      if (performance.now() - sentAt >= PROGRESS_MS) flush();
      else timer ??= setTimeout(flush, PROGRESS_MS).unref();
    },
    log: (message) => host.send({ type: 'log', message }),
    artifact: (type, name) => createArtifact(description.workDirectory, type, name),
    async loop(options) {
      if (++loops > 1) {
        throw new ComputeError(
          'internal',
          `${description.kind} started a second loop: a body has one, so that a checkpoint has one place to go on from.`,
        );
      }
      looping = true;
      try {
        return await runLoop(
          {
            job: description,
            stopRequested: () => host.signal.aborted,
            progress: job.progress,
            ...(host.company && { turn: host.company.turn }),
            async store(step, directory, seconds) {
              flush();
              await host.store(step, directory, seconds);
            },
          },
          options,
        );
      } finally {
        looping = false;
      }
    },
    share: (name, make) => (host.company === undefined ? make() : host.company.share(name, make)),
    ...(description.run === undefined ? {} : { run: description.run }),
    ...(description.salvaged === undefined ? {} : { salvaged: description.salvaged }),
  };
  return { job, control: { mayEnd: () => (looping || listening ? 'soon' : 'now'), flush } };
}

function createArtifact(workDirectory: string, type: ArtifactType, name: string) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._=,-]*$/.test(name)) {
    throw new ComputeError(
      'internal',
      `artifact name ${JSON.stringify(name)}: use letters, digits and . _ = , -`,
    );
  }
  const directory = join(workDirectory, 'artifacts', name);
  mkdirSync(directory, { recursive: true });
  return { $local: type, directory };
}
