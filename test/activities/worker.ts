import type { PointRequest } from '../../activities/types.ts';
import { createWorld } from './world.ts';

/** A process that tries one point, as a worker would: `worker.mjs DIRECTORY DIST ATTEMPT REQUEST`. Prints the outcome. */
const [directory = '', dist = '', attempt = '1', text = ''] = process.argv.slice(2);
const world = await createWorld({ directory, dist });
const call = world.call(JSON.parse(text) as PointRequest, { attempt: Number(attempt) });
process.stdout.write(JSON.stringify(await call.outcome));
process.exit(0);
