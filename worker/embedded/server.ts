import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SEARCH_ATTRIBUTES } from '../../workflows/attributes.ts';
import { EmbeddedError } from './error.ts';
import { readJson, writeJson } from './json-file.ts';
import type { EmbeddedLayout, ServerFile } from './layout.ts';
import { withLock } from './lock.ts';
import { freePort } from './ports.ts';
import { argument, endProcess, findProcesses, isAlive } from './processes.ts';

export interface EmbeddedServer {
  pid: number;
  address: string;
  uiAddress: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PREFERRED = { port: 7233, uiPort: 8233 };
const START_SECONDS = 30;
const PORTS_LOCK = join(tmpdir(), `plumbline-ports-${userInfo().uid}.lock`);

/** The development server on this directory's database, if one runs: told by its command line, whoever started it. */
export function findServer({ database }: EmbeddedLayout): EmbeddedServer | null {
  const [found] = findProcesses((args) => argument(args, '--db-filename') === database);
  if (!found) return null;
  const port = argument(found.args, '--port');
  const uiPort = argument(found.args, '--ui-port');
  return { pid: found.pid, address: `127.0.0.1:${port}`, uiAddress: `http://127.0.0.1:${uiPort}` };
}

/** Starts the server, on the ports of before where they are free, and waits until it answers. */
export async function startServer(
  layout: EmbeddedLayout,
  /** Further arguments of the server: dynamic configuration, for tests. */
  extra: string[] = [],
): Promise<EmbeddedServer> {
  for (let tries = 1; ; tries++) {
    try {
      // Two servers that start at the same moment would find the same ports free, and each could take the other, which
      // answers, for itself.
      return await withLock(PORTS_LOCK, () => tryToStart(layout, extra));
    } catch (error) {
      // Other programs do not know the lock.
      if (tries === 3 || !PORT_TAKEN.test(logOf(layout))) throw error;
    }
  }
}

async function tryToStart(layout: EmbeddedLayout, extra: string[]): Promise<EmbeddedServer> {
  const remembered = readJson<ServerFile>(layout.server);
  const port = await freePort([remembered?.port, PREFERRED.port]);
  const uiPort = await freePort([remembered?.uiPort, PREFERRED.uiPort], port);
  mkdirSync(dirname(layout.serverLog), { recursive: true });
  const log = openSync(layout.serverLog, 'w');
  const child = spawn(temporalCommand(), [...serverArguments(layout, port, uiPort), ...extra], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const pid = child.pid ?? 0;
  const server = { pid, address: `127.0.0.1:${port}`, uiAddress: `http://127.0.0.1:${uiPort}` };
  for (const until = Date.now() + START_SECONDS * 1000; ; await sleep(50)) {
    if (failure || !isAlive(pid)) throw didNotStart(layout, failure?.message);
    if (await answers(server.address, 1_000)) break;
    if (Date.now() > until) {
      await endProcess(pid, 5);
      throw didNotStart(layout, `it did not answer within ${START_SECONDS} s`);
    }
  }
  writeJson(layout.server, { port, uiPort, keep: remembered?.keep ?? false } satisfies ServerFile);
  return server;
}

function serverArguments(layout: EmbeddedLayout, port: number, uiPort: number): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', layout.database, '--log-level', 'warn', '--ui-disable-news-fetch'],
    // What SQLite acknowledges survives the end of any process; only a power cut may take the last moment.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** Whether a Temporal server answers there. */
export async function answers(address: string, milliseconds: number): Promise<boolean> {
  const { Connection } = await import('@temporalio/client');
  try {
    const connection = await Connection.connect({ address, connectTimeout: milliseconds });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

export async function stopServer(layout: EmbeddedLayout): Promise<void> {
  const server = findServer(layout);
  if (server) await endProcess(server.pid, 10);
}

/** Set-up's choice; a server in `TEMPORAL_ADDRESS` never comes here. */
function temporalCommand(): string {
  const stamp = readJson<{ cli?: { path: string } }>(
    join(ROOT, 'node_modules', '.plumbline', 'temporal.json'),
  );
  if (stamp?.cli && existsSync(stamp.cli.path)) return stamp.cli.path;
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory !== '' && existsSync(join(directory, 'temporal'))) return join(directory, 'temporal');
  }
  throw new EmbeddedError(
    'no-temporal',
    'Temporal is not installed, and TEMPORAL_ADDRESS names no server.',
    'Run `npm run setup`, which provides it, or set TEMPORAL_ADDRESS.',
  );
}

const PORT_TAKEN = /address already in use/i;

function logOf({ serverLog }: EmbeddedLayout): string {
  return existsSync(serverLog) ? readFileSync(serverLog, 'utf8') : '';
}

function didNotStart(layout: EmbeddedLayout, why?: string): EmbeddedError {
  const log = logOf(layout);
  const lines = log.trim().split('\n');
  const said =
    lines.find((line) => PORT_TAKEN.test(line)) ?? lines.find((line) => /^(Error|panic):/.test(line));
  const message = `Temporal's development server did not start: ${why ?? said ?? lines.at(-1)}`;
  return new EmbeddedError('server-failed', message, whatToDo(layout, log));
}

function whatToDo({ database, directory, serverLog }: EmbeddedLayout, log: string): string {
  if (/malformed|not a database/i.test(log)) {
    return `Its database is damaged. Moving it away loses the histories, not the results: mv ${database} ${database}.damaged`;
  }
  if (/no space|disk is full/i.test(log)) return `Free space on the disk of ${directory}.`;
  if (PORT_TAKEN.test(log)) return 'Other programs keep taking its ports: run the same command again.';
  return `The whole log is in ${serverLog}.`;
}
