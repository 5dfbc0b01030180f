import type { Client } from '@temporalio/client';
import { openStore } from '../store/open.ts';
import type { CollectableStore, Store } from '../store/types.ts';
import { Embedded } from '../worker/embedded/embedded.ts';
import type { EmbeddedServer } from '../worker/embedded/server.ts';
import { Supervisor } from '../worker/embedded/supervisor.ts';
import { type Settings, settingsFromEnvironment } from '../worker/settings.ts';
import type { TemporalTarget } from '../worker/target.ts';
import { grpcCode, UserError } from './errors.ts';
import { Interrupts } from './interrupts.ts';

/** A connection to the Temporal that this directory uses, and to its store. */
export interface Session {
  settings: Settings;
  store: Store;
  /** Another one after an embedded server moved: to be read anew for each call of a long watch. */
  readonly client: Client;
  interrupts: Interrupts;
  /** The server and worker of this directory, when they are ours to keep running. */
  embedded: Embedded | null;
  /** Keeps those two running as long as the session lasts. */
  supervisor: Supervisor | null;
  /** Where the web UI shows a workflow; null when that is not known. */
  uiAddress(workflowId: string): string | null;
}

export interface SessionOptions {
  /** Start the embedded server and worker when they do not run; otherwise that is an error. */
  start: boolean;
  /** For a moment only: an embedded server and worker that run already are left running. */
  brief?: boolean;
  /** Queues that the plan names beyond the usual ones. */
  queues?: string[];
  say?(line: string): void;
}

/**
 * Works with a session and ends it. As long as it works, the embedded server and worker are in use; the last to leave stops
 * them unless they are to stay.
 */
export async function withSession(
  options: SessionOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const settings = settingsFromEnvironment();
  const store = openStore(settings.store);
  const interrupts = new Interrupts();
  try {
    const own = { settings, store, interrupts };
    return settings.temporal
      ? await withServer(own, settings.temporal, work)
      : await withEmbedded(own, options, work);
  } finally {
    interrupts.close();
  }
}

type Own = Pick<Session, 'settings' | 'store' | 'interrupts'>;

async function withServer(
  own: Own,
  target: TemporalTarget,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const client = await connect(target, own.store);
  try {
    await checkNamespace(client, target);
    const ui = process.env['TEMPORAL_UI_ADDRESS'] ?? null;
    return await work({
      ...own,
      client,
      embedded: null,
      supervisor: null,
      uiAddress: uiOf(ui, target.namespace),
    });
  } finally {
    await client.connection.close();
  }
}

async function withEmbedded(
  own: Own,
  { start, brief = false, queues = [], say = () => undefined }: SessionOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const { settings, store, interrupts } = own;
  const embedded = new Embedded({ directory: settings.directory, store: settings.store, queues, say });
  if (start) embedded.attach();
  let supervisor: Supervisor | null = null;
  try {
    const { server, client } = await reach(embedded, store, start, settings);
    interrupts.signal.throwIfAborted();
    const clients = [client];
    const follow = async ({ address }: EmbeddedServer) => {
      clients.push(await connect({ address, namespace: 'default' }, store));
    };
    if (start && !brief) supervisor = new Supervisor(embedded, server, say, follow);
    try {
      return await work({
        ...own,
        get client() {
          return clients.at(-1)!;
        },
        embedded,
        supervisor,
        uiAddress: uiOf(server.uiAddress, 'default'),
      });
    } finally {
      // Together at the end: a call on an old one may still wait for its next try.
      for (const { connection } of clients) await connection.close();
    }
  } finally {
    await supervisor?.stop();
    const stopped = start && (await embedded.leave({ brief }));
    if (stopped && !brief)
      say('Server and worker stopped; `plumb up` starts them to look at runs in the web UI.');
  }
}

/** The server may be killed at any moment, also at this one. */
async function reach(embedded: Embedded, store: Store, start: boolean, settings: Settings) {
  for (let tries = 1; ; tries++) {
    const server = start ? await embedded.ensure() : embedded.find();
    if (!server) throw notRunning(settings);
    try {
      return { server, client: await connect({ address: server.address, namespace: 'default' }, store) };
    } catch (error) {
      if (!start || tries === 3) throw error;
    }
  }
}

const uiOf = (ui: string | null, namespace: string) => (id: string) =>
  ui && `${ui}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;

function notRunning({ directory }: Settings): UserError {
  return new UserError(
    `No server and worker run for ${directory}.`,
    '`plumb run FILE` starts them and goes on with what was interrupted; `plumb up` only starts them.',
  );
}

async function connect({ address, namespace, apiKey, tls }: TemporalTarget, store: Store): Promise<Client> {
  // Loaded here, so that commands which need no server start quickly.
  const [{ Client, Connection }, { dataConverter }, { keysFromEnvironment }] = await Promise.all([
    import('@temporalio/client'),
    import('../worker/payload-storage.ts'),
    import('../worker/encryption/keys.ts'),
  ]);
  const keys = keysFromEnvironment(process.env);
  try {
    const connection = await Connection.connect({
      address,
      connectTimeout: '10s',
      ...(apiKey && { apiKey }),
      ...(tls && { tls }),
    });
    return new Client({ connection, namespace, dataConverter: dataConverter(store, keys) });
  } catch (error) {
    throw new UserError(
      `No Temporal server answers at ${address}: ${(error as Error).message}`,
      'Start it, correct TEMPORAL_ADDRESS, or unset TEMPORAL_ADDRESS to use a server of your own.',
    );
  }
}

const NOT_FOUND = 5;

async function checkNamespace(client: Client, { address, namespace }: TemporalTarget): Promise<void> {
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (grpcCode(error) !== NOT_FOUND) throw error;
    throw new UserError(
      `The Temporal server at ${address} has no namespace ${namespace}.`,
      `Set TEMPORAL_NAMESPACE to one that it has, or create it: temporal operator namespace create ${namespace}`,
    );
  }
}

/** For commands that need no server. */
export function openStoreOnly(): { settings: Settings; store: CollectableStore } {
  const settings = settingsFromEnvironment();
  return { settings, store: openStore(settings.store) };
}
