import { Embedded } from '../../worker/embedded/embedded.ts';
import { openStoreOnly } from '../session.ts';

/** `plumb down`: stops the server and the worker of this directory; points that run save a checkpoint first. */
export async function down(): Promise<number> {
  const { settings } = openStoreOnly();
  const { directory, store } = settings;
  const embedded = new Embedded({ directory, store, queues: [], say: () => undefined });
  const ran = await embedded.down();
  process.stdout.write(
    ran
      ? 'Stopped. Runs that were under way go on with `plumb up` or `plumb run`.\n'
      : 'Nothing was running.\n',
  );
  return 0;
}
