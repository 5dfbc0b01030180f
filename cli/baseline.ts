import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { compile } from '../compiler/compile.ts';
import type { Plan } from '../compiler/plan/types.ts';
import type { Store } from '../store/types.ts';
import { compileFile } from './compile.ts';
import { UserError } from './errors.ts';

export interface Baseline {
  /** For people. */
  name: string;
  plan: Plan;
}

/**
 * What a plan is compared with: another file, the same file at a git revision, a plan saved by `plumb plan --json`, or, when
 * nothing is asked for, the latest run of the same experiment (null if there is none).
 */
export async function baseline(
  store: Store,
  current: Plan,
  file: string,
  against: string | undefined,
  set: Record<string, string> | undefined,
): Promise<Baseline | null> {
  if (against === undefined) return latestRun(store, current);
  if (existsSync(against)) return against.endsWith('.json') ? savedPlan(against) : otherFile(against, set);
  return atRevision(file, against, current, set);
}

async function latestRun(store: Store, current: Plan): Promise<Baseline | null> {
  const names = await store.listDocuments(`runs/${current.name}-`);
  const documents = names.filter((name) => name.endsWith('/run'));
  const runs = await Promise.all(
    documents.map((name) => store.readDocument<{ id: string; experiment: string; startedAt: string }>(name)),
  );
  const [latest] = runs
    .filter((run) => run !== null && run.experiment === current.name)
    .sort((a, b) => b!.startedAt.localeCompare(a!.startedAt));
  if (!latest) return null;
  const plan = await store.readDocument<Plan>(`runs/${latest.id}/plan`);
  return plan && { name: `the run ${latest.id}`, plan };
}

function savedPlan(path: string): Baseline {
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as { plan?: Plan } & Partial<Plan>;
    const plan = saved.plan ?? (saved as Plan);
    if (!Array.isArray(plan.steps)) throw new Error('it holds no plan');
    return { name: path, plan };
  } catch (error) {
    throw new UserError(
      `${path} cannot be compared with: ${(error as Error).message}.`,
      'Give a file written by plumb plan --json.',
    );
  }
}

async function otherFile(path: string, set: Record<string, string> | undefined): Promise<Baseline> {
  const { plan } = await compileFile(path, { for: 'run', ...(set && { set }) });
  if (!plan)
    throw new UserError(
      `${path} does not compile, so there is nothing to compare with.`,
      `plumb validate ${path}`,
    );
  return { name: path, plan };
}

/** The file and what it extends, as they were committed. Local files count as they are now: git does not hold them. */
function atRevision(
  file: string,
  revision: string,
  current: Plan,
  set: Record<string, string> | undefined,
): Baseline {
  const root = git(dirname(resolve(file)), ['rev-parse', '--show-toplevel']);
  if (root === null)
    throw new UserError(`There is no file ${revision}, and ${file} lies in no git repository.`);
  const top = root.toString('utf8').trim();
  if (git(top, ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]) === null) {
    throw new UserError(
      `${revision} is neither a file nor a git revision.`,
      'Give a branch, tag or commit, or the path of another experiment file.',
    );
  }
  const read = (path: string): Uint8Array | null =>
    git(top, ['show', `${revision}:${relative(top, resolve(path)).split(sep).join('/')}`]);
  const bytes = read(file);
  if (!bytes) throw new UserError(`${file} does not exist at ${revision}.`);
  const { plan, diagnostics } = compile(file, bytes, {
    read,
    // Inputs that the older file does not have yet are not set there.
    ...(set && { set, ignoreUnknownInputs: true }),
    fingerprint: (path) =>
      Object.values(current.paths).find((local) => local.path === resolve(path)) ?? {
        path: resolve(path),
        sha256: '',
      },
  });
  if (plan) return { name: revision, plan };
  const first = diagnostics[0];
  throw new UserError(
    `${file} at ${revision} does not compile: ${first?.line}:${first?.column} ${first?.message ?? ''}`,
  );
}

function git(directory: string, args: string[]): Buffer | null {
  try {
    return execFileSync('git', args, {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch {
    return null;
  }
}
