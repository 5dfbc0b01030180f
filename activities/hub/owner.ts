import { createHash } from 'node:crypto';
import type { Job } from '../../compute/types.ts';

/** Names a point on this host, over its attempts: what one attempt fetched in part, the next goes on with. */
export const ownerOf = (job: Job): string =>
  createHash('sha256').update(job.durableDirectory).digest('hex').slice(0, 12);
