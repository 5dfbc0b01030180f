import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createActivities } from '../../activities/index.ts';
import { Streams } from '../../activities/streams.ts';
import { dieWithParent } from '../../compute/orphan.ts';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/types.ts';
import { WorkerHost } from '../../worker/workers.ts';
import { now, reach } from './bodies/record.mjs';
import { REGISTRY } from './kinds.ts';

/** What a worker of the chaos runs is told, as JSON, its only argument. */
export interface WorkerOrders {
  /** The process that looks after it: without that one it ends. */
  parent: number;
  /** Its own disk. */
  directory: string;
  address: string;
  store: string;
  control: string;
  workflowBundle: string;
  /** With the compute child and the bodies. */
  dist: string;
  slots: number;
}

const orders = JSON.parse(process.argv[2] ?? '{}') as WorkerOrders;
dieWithParent(orders.parent);
const host = await WorkerHost.start({
  target: { address: orders.address, namespace: 'default' },
  store: deadly(openStore(orders.store), orders.control),
  slots: { threads: 1, children: orders.slots, queues: { 'plumb-cpu': orders.slots } },
  streams: new Streams({ directory: orders.directory, memoryBytes: 4e9, kinds: REGISTRY.kinds }),
  workflowBundle: orders.workflowBundle,
  logFile: join(orders.directory, 'worker.log'),
  connectSeconds: 120,
  activitiesFor: (store) =>
    createActivities(
      { store, directory: orders.directory, dist: orders.dist, threads: 1, stopGraceSeconds: 5 },
      REGISTRY,
    ),
});
await host.run();
process.exit(0);

/** The store, with the named points at which this process may die, and a line for each result that it accepted. */
function deadly(store: Store, control: string): Store {
  const accepted = (name: string, how: string) =>
    appendFileSync(join(control, 'accepted'), `${JSON.stringify({ name, how, at: now() })}\n`);
  const changed: Partial<Store> = {
    async putDocumentIfAbsent(name, value) {
      if (name.startsWith('checkpoints/')) reach(control, 'before-start');
      if (!name.startsWith('results/')) return await store.putDocumentIfAbsent(name, value);
      // Its artifacts are in the store.
      reach(control, 'outputs-stored');
      const put = await store.putDocumentIfAbsent(name, value);
      if (!put.created) return put;
      accepted(name, 'created');
      reach(control, 'accepted');
      return put;
    },
    async writeDocument(name, value) {
      if (name.startsWith('results/')) accepted(name, 'replaced');
      await store.writeDocument(name, value);
    },
    disposable(name) {
      const blobs = store.disposable(name);
      return Object.assign(Object.create(blobs) as typeof blobs, {
        putBlob: async (...args: Parameters<typeof blobs.putBlob>) => {
          const stored = await blobs.putBlob(...args);
          // A checkpoint's files are there, and the document that names them is not.
          reach(control, 'checkpoint-stored');
          return stored;
        },
      });
    },
  };
  return Object.assign(Object.create(store) as Store, changed);
}
