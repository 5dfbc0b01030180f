import type { Plan } from '../compiler/plan/types.ts';
import type { Store } from '../store/types.ts';
import type { ExperimentResult, RunEnd, RunPoint } from '../workflows/types.ts';

/**
 * What the store knows of runs: `runs/<id>/run` (this record), `runs/<id>/plan` (the compiled plan) and `runs/<id>/spec` (the
 * file as it was), `runs/<id>/points` (what became of each), so that `plumb status` and reports need no Temporal history, which a server forgets.
 */
export interface RunRecord {
  /** Also the Temporal workflow id: `<experiment>-<first 12 of the plan's digest>`. */
  id: string;
  experiment: string;
  planDigest: string;
  spec: { path: string; sha256: string };
  /** Null outside a git repository; `dirty` when the work tree differed from the commit. */
  git: { commit: string; dirty: boolean } | null;
  /** The latest start; the same run may be started again. */
  startedAt: string;
  startedBy: string;
  state: 'running' | RunEnd['state'];
  finishedAt: string | null;
  result: ExperimentResult | null;
}

const documentOf = (run: string, name: 'run' | 'plan' | 'spec' | 'points') => `runs/${run}/${name}`;

export function runIdOf(plan: Pick<Plan, 'name' | 'digest'>): string {
  return `${plan.name}-${plan.digest.slice(0, 12)}`;
}

/** Written before the workflow starts, which refers to the plan by its document. */
export async function recordRunStart(store: Store, run: RunRecord, plan: Plan, spec: string): Promise<void> {
  await store.putDocumentIfAbsent(documentOf(run.id, 'plan'), plan);
  await store.writeDocument(documentOf(run.id, 'spec'), { path: run.spec.path, text: spec });
  await store.writeDocument(documentOf(run.id, 'run'), run);
}

export async function recordRunEnd(
  store: Store,
  id: string,
  { state, points, result }: RunEnd,
): Promise<void> {
  await store.writeDocument(documentOf(id, 'points'), points);
  const run = await readRun(store, id);
  if (!run) return;
  const finishedAt = new Date().toISOString();
  await store.writeDocument(documentOf(id, 'run'), { ...run, state, finishedAt, result: result ?? null });
}

export function readRun(store: Store, id: string): Promise<RunRecord | null> {
  return store.readDocument<RunRecord>(documentOf(id, 'run'));
}

export function readPlan(store: Store, id: string): Promise<Plan | null> {
  return store.readDocument<Plan>(documentOf(id, 'plan'));
}

export function readSpec(store: Store, id: string): Promise<{ path: string; text: string } | null> {
  return store.readDocument(documentOf(id, 'spec'));
}

/** What became of every point when the run last ended; null before that. */
export function readPoints(store: Store, id: string): Promise<RunPoint[] | null> {
  return store.readDocument(documentOf(id, 'points'));
}

/** Latest start first. */
export async function listRuns(store: Store): Promise<RunRecord[]> {
  const names = (await store.listDocuments('runs/')).filter((name) => name.endsWith('/run'));
  const runs = await Promise.all(names.map((name) => store.readDocument<RunRecord>(name)));
  return runs.filter((run) => run !== null).sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}
