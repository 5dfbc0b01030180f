import pc from 'picocolors';
import { readRun } from '../worker/runs.ts';
import { exportReport } from './export-report.ts';
import { Interrupted } from './interrupts.ts';
import { display } from './progress/display.ts';
import { follow, type RunOutcome } from './progress/follow.ts';
import type { Session } from './session.ts';
import { summary } from './summary.ts';

/** How long after the first Ctrl-C a second one counts. */
const SECOND_MS = 2_000;
const INTERRUPTED = 130;

/**
 * Follows a run to its end and says what came of it.
 * @returns the exit code: 0 when all points were accepted, 1 when not, 130 when the user left before the end
 */
export async function attach(session: Session, runId: string): Promise<number> {
  const { interrupts, supervisor } = session;
  const screen = display(process.stdout);
  const signals = [interrupts.signal, ...(supervisor ? [supervisor.givenUp] : [])];
  if (supervisor) supervisor.say = (line) => screen.say(pc.yellow(line));
  try {
    const outcome = await follow(session, runId, screen, AbortSignal.any(signals));
    screen.close();
    await conclude(session, runId, outcome);
    return outcome.result?.state === 'completed' ? 0 : 1;
  } catch (error) {
    screen.close();
    if (!(error instanceof Interrupted)) throw error;
    return await detach(session, runId);
  }
}

async function conclude({ store, settings }: Session, runId: string, outcome: RunOutcome): Promise<void> {
  const run = await readRun(store, runId);
  const ended = run?.finishedAt ? Date.parse(run.finishedAt) : Date.now();
  const report = outcome.result ? await exportReport(store, settings.directory, runId, outcome.result) : null;
  process.stdout.write(
    summary(outcome, {
      runId,
      directory: settings.directory,
      seconds: run ? (ended - Date.parse(run.startedAt)) / 1000 : null,
      report,
    }),
  );
}

/** Once: the run goes on without us. Twice: server and worker stop, too, and the run waits. */
async function detach({ embedded, supervisor, interrupts }: Session, runId: string): Promise<number> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (!embedded) {
    say(`Detached. The run goes on; \`plumb watch ${runId}\` comes back to it.`);
    return INTERRUPTED;
  }
  await supervisor?.stop();
  await embedded.keep();
  say(`Detached. ${runId} goes on in the background: server and worker keep running.`);
  say(`  plumb watch ${runId}   comes back to it`);
  say('  plumb down   stops server and worker; the same command goes on from the last checkpoints');
  if (process.stdin.isTTY) say(pc.dim('  Ctrl-C once more, now, does `plumb down`'));
  if (await interrupts.again(SECOND_MS)) {
    say('Stopping: points that run save a checkpoint first.');
    await embedded.down();
    say('Stopped. The same command goes on from there.');
  }
  return INTERRUPTED;
}
