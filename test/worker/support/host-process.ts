import { join } from 'node:path';
import { createActivities } from '../../../activities/index.ts';
import { Streams } from '../../../activities/streams.ts';
import { dieWithParent } from '../../../compute/orphan.ts';
import { openStore } from '../../../store/open.ts';
import { jsonLogger } from '../../../worker/json-log.ts';
import { Operations } from '../../../worker/operations.ts';
import { WorkerHost } from '../../../worker/workers.ts';
import { KINDS, validateParameters } from '../../activities/world.ts';

/** What a worker process of the tests is told, as JSON, its only argument. */
export interface HostOrders {
  parent: number;
  /** Its own disk. */
  directory: string;
  store: string;
  address: string;
  workflowBundle: string;
  dist: string;
  workflows: boolean;
  queues: Record<string, number>;
  healthPort: number;
}

/** As `plumb worker --log-format json` puts a host together, with the kinds of the tests. */
const orders = JSON.parse(process.argv[2] ?? '{}') as HostOrders;
const { directory, dist, queues, workflows } = orders;
dieWithParent(orders.parent);
const operations = await Operations.open({ port: orders.healthPort, chosen: true });
const logger = jsonLogger((line) => process.stdout.write(line));
const host = await WorkerHost.start({
  target: { address: orders.address, namespace: 'default' },
  store: openStore(orders.store),
  slots: { threads: 1, children: 2, queues, workflows },
  streams: new Streams({ directory, memoryBytes: 2 ** 34, kinds: KINDS }),
  workflowBundle: orders.workflowBundle,
  logFile: join(directory, 'worker.log'),
  logger,
  metricsAddress: operations.metricsAddress!,
  activitiesFor: (store, metrics) =>
    createActivities(
      {
        ...{ store, directory, dist, threads: 1, stopGraceSeconds: 5 },
        onCheckpoint: (kind, seconds) => metrics.checkpoint(kind, seconds),
        onLogLine: (where, line) => logger.info(line, { ...where }),
      },
      { kinds: KINDS, validateParameters },
    ),
});
operations.attach(host);
await host.run();
await operations.close();
process.exit(0);
