import { existsSync } from 'node:fs';
import type { Plan } from '../../compiler/plan/types.ts';
import { planDigest } from '../../compiler/seal.ts';
import type { PointRecord, Store } from '../../store/types.ts';
import { listRuns, type RunRecord, readPlan, readPoints, readRun, runIdOf } from '../../worker/runs.ts';
import { baseline } from '../baseline.ts';
import { compileFile } from '../compile.ts';
import { UserError } from '../errors.ts';
import { whichRun } from '../which-run.ts';

/** One of two runs that are compared: what it was to do, and what its points measured. */
export interface Side {
  run: RunRecord;
  plan: Plan;
  /** Every point of the run, in its order; null: it has no result. */
  points: { step: string; id: string; record: PointRecord | null }[];
}

/**
 * The run that a word names: a run as for every command, or the run of an experiment file, `FILE` as it is now or
 * `FILE@REVISION` as it was committed (local files that it reads count as they are now).
 */
export async function readSide(store: Store, word: string): Promise<Side> {
  const run = await findRun(store, word);
  const [plan, points] = await Promise.all([readPlan(store, run.id), readPoints(store, run.id)]);
  if (!plan) throw new UserError(`The store has no plan of ${run.id}.`);
  if (!points) throw new UserError(`${run.id} has not ended yet.`, `\`plumb watch ${run.id}\` follows it.`);
  const records = await Promise.all(
    points.map(({ key }) => (key ? store.readDocument<PointRecord>(`results/${key}`) : null)),
  );
  return { run, plan, points: points.map(({ step, id }, i) => ({ step, id, record: records[i] ?? null })) };
}

async function findRun(store: Store, word: string): Promise<RunRecord> {
  const at = word.lastIndexOf('@');
  const [file, revision] =
    existsSync(word) || at < 1 ? [word, null] : [word.slice(0, at), word.slice(at + 1)];
  if (!existsSync(file)) return whichRun(store, word);
  const { plan: current } = await compileFile(file, { for: 'run' });
  if (!current) throw new UserError(`${file} does not compile.`, `plumb validate ${file}`);
  const plan =
    revision === null ? current : (await baseline(store, current, file, revision, undefined))?.plan;
  const digest = plan && planDigest(plan);
  const run =
    plan &&
    digest &&
    ((await readRun(store, runIdOf({ name: plan.name, digest }))) ??
      (await listRuns(store)).find(({ planDigest: own }) => own === digest));
  if (run) return run;
  throw new UserError(
    `${word} has not been run: the store has no run of this plan.`,
    revision === null
      ? `\`plumb run ${file}\` runs it.`
      : `Check ${revision} out and run ${file} there, with the same store.`,
  );
}
