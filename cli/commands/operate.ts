import type { WorkflowHandle } from '@temporalio/client';
import { UserError } from '../errors.ts';
import { openStoreOnly, type Session, withSession } from '../session.ts';
import { isRunning } from '../submit.ts';
import { whichRun } from '../which-run.ts';

/** `plumb pause [RUN]` */
export function pause(word: string | undefined): Promise<number> {
  return operate(word, (run) => run.executeUpdate('pause'));
}

/** `plumb resume [RUN]`: after a pause, and after server and worker were stopped. */
export async function resume(word: string | undefined): Promise<number> {
  return await operate(word, async (run, session) => {
    await session.embedded?.keep();
    const { paused } = await run.query<{ paused: boolean }>('progress');
    const answer = paused ? await run.executeUpdate<string, []>('resume') : 'It is running.';
    return `${answer} \`plumb watch ${run.workflowId}\` follows it.`;
  });
}

/** `plumb cancel [RUN] [--point ID]`: a run, or one point of it. */
export function cancel(word: string | undefined, { point }: { point?: string } = {}): Promise<number> {
  return operate(word, async (run) => {
    if (point !== undefined)
      return await run.executeUpdate<string, [string]>('cancelPoint', { args: [point] });
    await run.cancel();
    return `${run.workflowId} is being cancelled: points that run save a checkpoint first. The same \`plumb run\` goes on from there.`;
  });
}

/** `plumb parallelism N [RUN]` */
export function setParallelism(points: number, word: string | undefined): Promise<number> {
  return operate(word, (run) => run.executeUpdate('setParallelism', { args: [points] }));
}

async function operate(
  word: string | undefined,
  act: (run: WorkflowHandle, session: Session) => Promise<string>,
): Promise<number> {
  const { store } = openStoreOnly();
  const { id } = await whichRun(store, word);
  return await withSession({ start: true, brief: true }, async (session) => {
    if (!(await isRunning(session, id))) {
      throw new UserError(`${id} is not running.`, `\`plumb status ${id}\` says how it ended.`);
    }
    process.stdout.write(`${await act(session.client.workflow.getHandle(id), session)}\n`);
    return 0;
  });
}
