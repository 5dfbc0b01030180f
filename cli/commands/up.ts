import { Embedded } from '../../worker/embedded/embedded.ts';
import { UserError } from '../errors.ts';
import { openStoreOnly } from '../session.ts';

/** `plumb up`: starts the server and the worker of this directory, which stay until `plumb down`. */
export async function up(): Promise<number> {
  const { settings } = openStoreOnly();
  if (settings.temporal) {
    throw new UserError(
      `TEMPORAL_ADDRESS names a server (${settings.temporal.address}), so there is none to start here.`,
      '`plumb worker` starts a worker for it; unset TEMPORAL_ADDRESS to use a server of your own.',
    );
  }
  const { directory, store } = settings;
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const embedded = new Embedded({ directory, store, queues: [], say });
  const server = await embedded.ensure();
  await embedded.keep();
  say(
    `Temporal at ${server.address}, web UI at ${server.uiAddress}, worker running. \`plumb down\` stops them.`,
  );
  return 0;
}
