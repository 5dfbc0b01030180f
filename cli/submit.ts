import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SearchAttributePair } from '@temporalio/common';
import type { Plan } from '../compiler/plan/types.ts';
import { recordRunStart, runIdOf } from '../worker/runs.ts';
import { WORKFLOW_QUEUE } from '../worker/slots.ts';
import type { ExperimentInput, Recompute } from '../workflows/types.ts';
import { grpcCode, UserError } from './errors.ts';
import type { Session } from './session.ts';

export interface Submission {
  plan: Plan;
  /** The experiment file, kept beside the run. */
  spec: { path: string; text: string };
  recompute?: Recompute;
  /** Most points of a step in flight at once. */
  parallelism?: number;
  say(line: string): void;
}

/** Temporal carries the plan in the first event of the run, whose limit is 2 MB. */
const MOST_PLAN_BYTES = 1_000_000;
const PARALLELISM = 100;
const HEARTBEAT_SECONDS = 30;
const ATTRIBUTE_SECONDS = 30;

/**
 * Starts the run of a plan, or finds that it runs already: the run's id comes from the plan, so that the same plan is never
 * run twice at once. A run that has ended begins anew and takes what it finds in the store.
 */
export async function submit(
  session: Session,
  { plan, spec, recompute, parallelism, say }: Submission,
): Promise<{ runId: string; found: boolean }> {
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes > MOST_PLAN_BYTES) {
    throw new UserError(
      `The plan of ${plan.name} takes ${Math.ceil(bytes / 1000)} kB; at most ${MOST_PLAN_BYTES / 1000} kB can be run.`,
      'Give long lists of values as matrix axes or as files, or split the experiment.',
    );
  }
  const runId = runIdOf(plan);
  if (await isRunning(session, runId)) {
    if (recompute) {
      throw new UserError(
        `${runId} is running.`,
        `Wait for its end (plumb watch ${runId}), or: plumb cancel ${runId}`,
      );
    }
    return { runId, found: true };
  }
  const git = gitState(spec.path);
  await recordRunStart(
    session.store,
    {
      id: runId,
      experiment: plan.name,
      planDigest: plan.digest,
      spec: { path: spec.path, sha256: plan.source.sha256 },
      git,
      startedAt: new Date().toISOString(),
      startedBy: userName(),
      state: 'running',
      finishedAt: null,
      result: null,
    },
    plan,
    spec.text,
  );
  const searchAttributes = await registerSearchAttributes(session, say);
  const input: ExperimentInput = {
    plan,
    parallelism: parallelism ?? PARALLELISM,
    heartbeatSeconds: Number(process.env['PLUMBLINE_HEARTBEAT_SECONDS']) || HEARTBEAT_SECONDS,
    searchAttributes,
    ...(recompute && { recompute }),
  };
  const typedSearchAttributes = searchAttributes && (await attributes(plan, git));
  await whenAttributesAreKnown(() =>
    session.client.workflow.start('experiment', {
      workflowId: runId,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      memo: { planDigest: plan.digest, spec: spec.path },
      staticSummary: firstLine(plan.description || plan.name),
      staticDetails: staticDetails(plan, spec.path, git),
      ...(typedSearchAttributes && { typedSearchAttributes }),
    }),
  );
  return { runId, found: false };
}

export async function isRunning({ client }: Session, runId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(runId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') return false;
    throw error;
  }
}

/** A server of one's own knows them from its start; another one may have to be told, or may not let us. */
async function registerSearchAttributes(
  { client, embedded }: Session,
  say: Submission['say'],
): Promise<boolean> {
  if (embedded) return true;
  const { SEARCH_ATTRIBUTES } = await import('../workflows/attributes.ts');
  const { namespace } = client.options;
  const { operatorService } = client.connection;
  const types = { Keyword: 2, Double: 4 } as const;
  try {
    const known = (await operatorService.listSearchAttributes({ namespace })).customAttributes ?? {};
    const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in known));
    if (missing.length === 0) return true;
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, types[type]]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  } catch (error) {
    say(
      `Temporal does not let us register search attributes (${(error as Error).message}, code ${grpcCode(error)}); the run goes without them.`,
    );
    return false;
  }
}

/** A cluster that has just been told of search attributes knows them when its frontends have read them again: in seconds. */
async function whenAttributesAreKnown(start: () => Promise<unknown>): Promise<void> {
  for (const until = Date.now() + ATTRIBUTE_SECONDS * 1000; ; await sleep(250)) {
    try {
      await start();
      return;
    } catch (error) {
      const unknown = /no mapping defined for search attribute/i.test(
        String((error as Error).cause ?? error),
      );
      if (!unknown || Date.now() > until) throw error;
    }
  }
}

async function attributes(plan: Plan, git: GitState | null): Promise<SearchAttributePair[]> {
  const { EXPERIMENT_NAME, GIT_COMMIT, SPEC_DIGEST, TEAM } = await import('../workflows/attributes.ts');
  const team = process.env['PLUMBLINE_TEAM'];
  return [
    { key: EXPERIMENT_NAME, value: plan.name },
    { key: SPEC_DIGEST, value: plan.digest.slice(0, 12) },
    ...(git ? [{ key: GIT_COMMIT, value: git.commit }] : []),
    ...(team ? [{ key: TEAM, value: team }] : []),
  ];
}

interface GitState {
  commit: string;
  dirty: boolean;
}

/** Of the repository that holds the experiment file. */
function gitState(specPath: string): GitState | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: resolve(specPath, '..'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return {
      commit: git('rev-parse', 'HEAD'),
      dirty: git('status', '--porcelain', '--untracked-files=no') !== '',
    };
  } catch {
    return null;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // A container may run as a user without a name.
  }
}

function firstLine(text: string): string {
  const line = text.trim().split('\n')[0]!;
  return Buffer.byteLength(line) <= 200 ? line : `${line.slice(0, 60)}…`;
}

/** Markdown for the web UI: what this run is. */
function staticDetails(plan: Plan, specPath: string, git: GitState | null): string {
  const lines = [
    plan.description.trim().slice(0, 4000),
    '',
    `- spec \`${specPath}\``,
    git && `- commit \`${git.commit.slice(0, 12)}\`${git.dirty ? ' with uncommitted changes' : ''}`,
    `- plan \`${plan.digest.slice(0, 12)}\`: ${plan.steps.length} steps, seeds ${plan.seeds.join(', ')}`,
    `- \`plumb watch ${runIdOf(plan)}\``,
  ];
  return lines.filter((line) => line !== null).join('\n');
}
