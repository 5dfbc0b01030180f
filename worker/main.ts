import { parseArgs } from 'node:util';
import { runWorker } from './run.ts';

/** The worker process of the embedded mode: `node dist/worker/main.js --directory … --address … --store …`. */
const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    address: { type: 'string' },
    store: { type: 'string' },
    queue: { type: 'string', multiple: true, default: [] },
  },
});
const { directory, address, store, queue } = values;
if (!directory || !address || !store) throw new Error('The worker needs --directory, --address and --store.');

process.exitCode = await runWorker({
  settings: { directory, store, temporal: { address, namespace: 'default' } },
  queues: queue,
  embedded: true,
});
// The native runtime keeps timers of its own.
process.exit();
