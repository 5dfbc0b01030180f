import { randomBytes } from 'node:crypto';
import type { Plan } from '../../compiler/plan/types.ts';
import { type RunRecord, readPlan, readPoints, readSpec } from '../../worker/runs.ts';
import { customQueues } from '../../workflows/execution.ts';
import type { Progress, Recompute } from '../../workflows/types.ts';
import { attach } from '../attach.ts';
import { UserError } from '../errors.ts';
import { openStoreOnly, type Session, withSession } from '../session.ts';
import { isRunning, submit } from '../submit.ts';
import { together } from '../together.ts';
import { whichRun } from '../which-run.ts';

export interface RerunOptions {
  failed?: boolean;
  from?: string;
  point?: string;
  /** Let a recomputed result take the place of the recorded one. */
  replace?: boolean;
  detach?: boolean;
}

/**
 * `plumb rerun [RUN] --failed | --from STEP | --point ID`: runs the plan of a run again. What is in the store is taken from
 * there, so that `--failed` runs exactly what has no result; `--from` and `--point` compute again what has one, and compare.
 */
export async function rerun(word: string | undefined, options: RerunOptions): Promise<number> {
  const chosen = [options.failed, options.from, options.point].filter((choice) => choice !== undefined);
  if (chosen.length !== 1) {
    throw new UserError('Say what to run again.', 'One of --failed, --from STEP, --point ID.');
  }
  const { store } = openStoreOnly();
  const run = await whichRun(store, word);
  const [plan, spec] = await Promise.all([readPlan(store, run.id), readSpec(store, run.id)]);
  if (!plan || !spec)
    throw new UserError(`The store has no plan of ${run.id}.`, 'Run its file again: plumb run FILE');
  const recompute = options.failed ? undefined : recomputeOf(plan, options, await readPoints(store, run.id));

  const queues = customQueues(plan.steps);
  const say = (line: string) => process.stdout.write(`${line}\n`);
  return await withSession({ start: true, queues, say }, async (session) => {
    if (options.failed && (await isRunning(session, run.id))) await retryInPlace(session, run, say);
    else {
      await submit(session, { plan, spec, ...(recompute && { recompute }), say });
      say(`Started ${run.id} again`);
    }
    if (!options.detach) return await attach(session, run.id);
    await session.embedded?.keep();
    return 0;
  });
}

function recomputeOf(
  plan: Plan,
  { from, point, replace = false }: RerunOptions,
  known: { id: string }[] | null,
): Recompute {
  const generation = `${new Date().toISOString().slice(0, 10)}-${randomBytes(4).toString('hex')}`;
  if (point !== undefined) {
    if (!known?.some(({ id }) => id === point)) {
      throw new UserError(`The run has no point ${point}.`, `Its points: ${some(known ?? [], point)}`);
    }
    return { generation, replace, steps: [], points: [point] };
  }
  if (!plan.steps.some(({ id }) => id === from)) {
    throw new UserError(
      `The plan has no step ${from}.`,
      `Its steps: ${plan.steps.map(({ id }) => id).join(', ')}`,
    );
  }
  const steps = new Set([from!]);
  // Steps come after what they need, so that one pass finds all.
  for (const { id, needs } of plan.steps) if (needs.some((need) => steps.has(need))) steps.add(id);
  return { generation, replace, steps: [...steps], points: [] };
}

/** The points of the step that was meant come first. */
function some(known: { id: string }[], wanted: string): string {
  const step = wanted.split('[')[0];
  const ids = known.map(({ id }) => id);
  const same = ids.filter((id) => id.split('[')[0] === step);
  const list = same.length > 0 ? same : ids;
  return `${list.slice(0, 8).join(' ')}${list.length > 8 ? ` and ${list.length - 8} more` : ''}`;
}

/** A run that goes on retries its failed points where they are. */
async function retryInPlace(
  { client }: Session,
  { id }: RunRecord,
  say: (line: string) => void,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const { steps } = await handle.query<Progress>('progress');
  const sweeps = await together(
    steps.map(async ({ sweep, recent }) => {
      if (!sweep) return recent;
      return (await client.workflow.getHandle(sweep).query<Progress>('progress')).steps.flatMap(
        (step) => step.recent,
      );
    }),
  );
  const latest = new Map(sweeps.flat().map((decision) => [decision.point, decision.what]));
  const failed = [...latest].filter(([, what]) => what === 'failed').map(([point]) => point);
  if (failed.length === 0) say('Nothing has failed so far.');
  for (const point of failed) {
    const answer = await handle
      .executeUpdate<string, [string]>('retryPoint', { args: [point] })
      .catch((error) => `${point}: ${(error.cause ?? error).message}`);
    say(answer);
  }
}
