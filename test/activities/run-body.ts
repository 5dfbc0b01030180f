import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validateParameters } from '../../compiler/kinds/validate.ts';
import { createJob } from '../../compute/job.ts';
import { isSuspended } from '../../compute/suspended.ts';
import type { ActivityBody, BodyResult, Job, JobDescription, LocalArtifact } from '../../compute/types.ts';
import type { Json } from '../../store/types.ts';

export interface RunBodyOptions {
  seed?: number;
  resume?: JobDescription['resume'];
  /** Tells the body to stop when so many steps are done. */
  stopAfter?: number;
  /** Where checkpoints land, each in a directory named by its step. */
  checkpoints?: string;
}

/** Runs a kind's body in this process, with its defaults filled in. @returns null when it was suspended */
export async function runBody(
  kind: string,
  body: ActivityBody,
  given: Record<string, unknown>,
  options: RunBodyOptions = {},
): Promise<BodyResult | null> {
  const { params } = validateParameters(kind, given as Record<string, Json>);
  const workDirectory = mkdtempSync(join(tmpdir(), 'job-'));
  const stop = new AbortController();
  const description: JobDescription = {
    ...{ kind, point: 'test', module: '', params, seed: options.seed ?? 0, threads: 2, checkpointEvery: 4 },
    ...{ workDirectory, durableDirectory: workDirectory, cacheDirectory: workDirectory },
    segmentUnits: null,
    resume: options.resume ?? null,
  };
  const { job } = createJob(description, {
    send: () => undefined,
    async store(step, directory) {
      if (options.checkpoints)
        cpSync(directory, join(options.checkpoints, String(step)), { recursive: true });
    },
    signal: stop.signal,
  });
  try {
    return await body(stopAfter(job, options.stopAfter, stop));
  } catch (error) {
    if (isSuspended(error)) return null;
    throw error;
  }
}

/** An artifact as bodies receive it. */
export const materialised = ($artifact: string, directory: string) => ({ $artifact, digest: 'd', directory });

export const directoryOf = (result: BodyResult | null, output: string): string =>
  ((result as BodyResult).outputs[output] as LocalArtifact).directory;

/** The same job, told to stop in the middle of a step. Its progress would not do: it is not sent for every step. */
function stopAfter(job: Job, steps: number | undefined, stop: AbortController): Job {
  const { loop } = job;
  const told: Job['loop'] = (options) =>
    loop({
      ...options,
      step: async (i) => {
        if (i + 1 === steps) stop.abort();
        return await options.step(i);
      },
    });
  return Object.defineProperty(job, 'loop', { value: told });
}
