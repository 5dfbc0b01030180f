import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { validateParameters } from '../../compiler/kinds/validate.ts';
import { computeEnvironment } from '../../compute/environment.ts';
import { type ChildOutcome, type MemberOptions, superviseGroup } from '../../compute/supervise.ts';
import type { Json } from '../../store/types.ts';
import type { BenchmarkContext } from '../types.ts';

/** The real steps, each in a compute process as a worker starts it, without a server. */
export type Computed = Extract<ChildOutcome, { type: 'result' }>;

export const THREADS = 2;

/** @param given as a spec's `with:` names it, artifacts by their directories */
export function member(
  context: BenchmarkContext,
  kind: string,
  i: number,
  given: Record<string, unknown>,
): MemberOptions {
  const { params, problems } = validateParameters(kind, given as Record<string, Json>);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const workDirectory = mkdtempSync(join(context.directory, 'work-'));
  return {
    job: {
      ...{ kind, point: `${kind}[${i}]`, module: join(context.root, `dist/activities/kinds/${kind}.js`) },
      ...{ params, seed: 0, workDirectory, durableDirectory: workDirectory, cacheDirectory: workDirectory },
      ...{ threads: THREADS, checkpointEvery: null, segmentUnits: null, resume: null },
    },
    stallSeconds: 600,
    graceSeconds: 10,
    signal: new AbortController().signal,
    stopReason: () => 'cancelled',
    onProgress: () => undefined,
    onLog: () => undefined,
    onCheckpoint: async () => undefined,
  };
}

/** All in one process, from its start to what it leaves. */
export async function compute(context: BenchmarkContext, members: MemberOptions[]): Promise<Computed[]> {
  const environment = computeEnvironment({
    ...{ threads: THREADS, temporaryDirectory: context.directory, secrets: {} },
  });
  const entry = join(context.root, 'dist/compute/child.js');
  const outcomes = superviseGroup({ entry, environment, directory: context.directory }, members);
  return await Promise.all(
    outcomes.map(async (outcome) => {
      const ended = await outcome;
      if (ended.type !== 'result') throw new Error(`ended as ${ended.type}`);
      return ended;
    }),
  );
}

export const artifact = ($artifact: string, directory: string) => ({
  ...{ $artifact, digest: '0'.repeat(64), directory },
});
