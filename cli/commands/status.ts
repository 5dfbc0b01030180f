import pc from 'picocolors';
import type { Store } from '../../store/types.ts';
import { Embedded } from '../../worker/embedded/embedded.ts';
import { listRuns, type RunRecord, readPoints } from '../../worker/runs.ts';
import { duration } from '../../workflows/details.ts';
import { takeSnapshot } from '../progress/snapshot.ts';
import { describePoint, stageLines } from '../progress/stages.ts';
import { openStoreOnly, type Session, withSession } from '../session.ts';
import { isRunning } from '../submit.ts';
import { summary } from '../summary.ts';
import { whichRun } from '../which-run.ts';

export interface StatusOptions {
  json?: boolean;
}

const MOST_RUNS = 20;

/** `plumb status [RUN]`: all runs, or one of them in detail. Starts nothing. */
export async function status(
  word: string | undefined,
  { json = false }: StatusOptions = {},
): Promise<number> {
  const { store, settings } = openStoreOnly();
  if (word === undefined) {
    const runs = await listRuns(store);
    process.stdout.write(json ? `${JSON.stringify({ runs }, null, 2)}\n` : listing(runs, servicesLine()));
    return 0;
  }
  const run = await whichRun(store, word);
  if (json) {
    process.stdout.write(`${JSON.stringify({ run, points: await readPoints(store, run.id) }, null, 2)}\n`);
    return 0;
  }
  process.stdout.write(heading(run));
  if (run.state !== 'running') return await ended(store, run, settings.directory);
  if (!settings.temporal && servicesOf() === null) {
    process.stdout.write(
      `It is interrupted: server and worker do not run. \`plumb run ${run.spec.path}\` or \`plumb up\` goes on.\n`,
    );
    return 0;
  }
  return await withSession({ start: false }, (session) => live(session, run));
}

async function live(session: Session, run: RunRecord): Promise<number> {
  if (!(await isRunning(session, run.id))) {
    process.stdout.write(
      'It is not running, and did not record how it ended: `plumb rerun --failed` goes on.\n',
    );
    return 0;
  }
  const snapshot = await takeSnapshot(session.client, run.id);
  if (!snapshot) {
    process.stdout.write('Temporal or its worker does not answer now.\n');
    return 0;
  }
  const active = snapshot.steps.flatMap((step) => step.active);
  const lines = [
    ...stageLines(snapshot, process.stdout.columns ?? 120),
    ...active.map((point) => `  ${describePoint(point)}`),
    snapshot.paused ? pc.yellow('paused: `plumb resume` goes on') : '',
  ];
  const ui = session.uiAddress(run.id);
  process.stdout.write(`${[...lines, ui ?? ''].filter((line) => line !== '').join('\n')}\n`);
  return 0;
}

async function ended(store: Store, run: RunRecord, directory: string): Promise<number> {
  const points = (await readPoints(store, run.id)) ?? [];
  const seconds = run.finishedAt ? (Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000 : null;
  const status = run.state === 'completed' ? 'COMPLETED' : run.state === 'failed' ? 'FAILED' : 'CANCELLED';
  const context = { runId: run.id, directory, seconds, report: null };
  process.stdout.write(summary({ status, result: run.result, why: null }, context));
  for (const { id, what, key } of points) {
    process.stdout.write(`  ${what.padEnd(8)} ${id}${key ? pc.dim(`  ${key.slice(0, 12)}`) : ''}\n`);
  }
  return 0;
}

function servicesOf() {
  const { settings } = openStoreOnly();
  const { directory, store } = settings;
  return new Embedded({ directory, store, queues: [], say: () => undefined }).find();
}

function servicesLine(): string {
  const { settings } = openStoreOnly();
  if (settings.temporal) return `Temporal at ${settings.temporal.address}`;
  const server = servicesOf();
  return server
    ? `server and worker running, web UI at ${server.uiAddress}`
    : 'server and worker not running';
}

function listing(runs: RunRecord[], services: string): string {
  if (runs.length === 0) return `No runs yet; ${services}.\n`;
  const width = Math.max(...runs.slice(0, MOST_RUNS).map(({ id }) => id.length));
  const lines = runs.slice(0, MOST_RUNS).map((run) => {
    const counts = run.result?.counts;
    const numbers = counts
      ? `${counts.total} points${counts.failed > 0 ? `, ${counts.failed} failed` : ''}${counts.cached > 0 ? `, ${counts.cached} from the store` : ''}`
      : '';
    return `${stateText(run)}  ${run.id.padEnd(width)}  ${run.startedAt.slice(0, 16).replace('T', ' ')}  ${tookText(run).padEnd(7)}  ${pc.dim(numbers)}`;
  });
  if (runs.length > MOST_RUNS) lines.push(`… and ${runs.length - MOST_RUNS} earlier ones`);
  return `${lines.join('\n')}\n${pc.dim(services)}\n`;
}

function heading(run: RunRecord): string {
  const commit = run.git
    ? `, commit ${run.git.commit.slice(0, 12)}${run.git.dirty ? ' with changes' : ''}`
    : '';
  return `${pc.bold(run.id)}  ${run.spec.path}${commit}, started ${run.startedAt.slice(0, 19).replace('T', ' ')} UTC by ${run.startedBy}\n`;
}

function stateText({ state }: RunRecord): string {
  const text = state.padEnd(9);
  if (state === 'completed') return pc.green(text);
  return state === 'failed' ? pc.red(text) : state === 'running' ? pc.cyan(text) : pc.yellow(text);
}

function tookText({ startedAt, finishedAt }: RunRecord): string {
  return finishedAt ? duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000) : '';
}
