import { attach } from '../attach.ts';
import { exportReport } from '../export-report.ts';
import { openStoreOnly, withSession } from '../session.ts';
import { isRunning } from '../submit.ts';
import { summary } from '../summary.ts';
import { whichRun } from '../which-run.ts';

/** `plumb watch [RUN]`: follows a run, or says how it ended. @returns the exit code */
export async function watch(word: string | undefined): Promise<number> {
  const { store, settings } = openStoreOnly();
  const run = await whichRun(store, word);
  if (run.state !== 'running' && run.result) {
    const report = await exportReport(store, settings.directory, run.id, run.result);
    const seconds = run.finishedAt ? (Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000 : null;
    const status = run.state === 'completed' ? 'COMPLETED' : 'FAILED';
    process.stdout.write(
      summary(
        { status, result: run.result, why: null },
        { runId: run.id, directory: settings.directory, seconds, report },
      ),
    );
    return run.state === 'completed' ? 0 : 1;
  }
  return await withSession(
    { start: true, say: (line) => process.stdout.write(`${line}\n`) },
    async (session) => {
      if (await isRunning(session, run.id)) {
        const ui = session.uiAddress(run.id);
        if (ui) process.stdout.write(`${run.id}\n  ${ui}\n`);
      }
      return await attach(session, run.id);
    },
  );
}
