import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createJob } from '../../../compute/job.ts';
import type { ActivityBody, BodyResult, JobDescription, LocalArtifact } from '../../../compute/types.ts';

/** Runs a kind's body as a compute child would, in this process. */
export interface BodyRun {
  body: ActivityBody;
  params: Record<string, unknown>;
  checkpointEvery?: number;
  /** Ends the attempt right after the checkpoint of this step, as a kill would. */
  dieAfter?: number;
  resume?: Checkpoint;
  salvaged?: Record<string, string>;
}

export interface Checkpoint {
  step: number;
  directory: string;
}

class Killed extends Error {}

/** The result, and the checkpoints that were stored on the way. The result is null when the attempt was ended. */
export async function runBody(
  run: BodyRun,
): Promise<{ result: BodyResult | null; checkpoints: Checkpoint[] }> {
  const directory = temporaryDirectory();
  const checkpoints: Checkpoint[] = [];
  const description: JobDescription = {
    kind: 'test',
    point: 'test',
    module: '',
    params: run.params,
    seed: 0,
    workDirectory: directory,
    durableDirectory: directory,
    cacheDirectory: directory,
    threads: 2,
    checkpointEvery: run.checkpointEvery ?? null,
    segmentUnits: null,
    resume: run.resume ?? null,
    ...(run.salvaged && { salvaged: run.salvaged }),
  };
  const { job } = createJob(description, {
    send: () => undefined,
    async store(step, from) {
      const kept = join(temporaryDirectory(), String(step));
      cpSync(from, kept, { recursive: true });
      checkpoints.push({ step, directory: kept });
      if (step === run.dieAfter) throw new Killed();
    },
    signal: new AbortController().signal,
  });
  try {
    return { result: await run.body(job), checkpoints };
  } catch (error) {
    if (error instanceof Killed) return { result: null, checkpoints };
    throw error;
  }
}

export const directoryOf = (result: BodyResult | null, output: string): string =>
  ((result as BodyResult).outputs[output] as LocalArtifact).directory;

const temporary: string[] = [];
afterAll(() => {
  for (const directory of temporary) rmSync(directory, { recursive: true, force: true });
});

/** Deleted when the test file has ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plumbline-test-'));
  temporary.push(directory);
  return directory;
}
