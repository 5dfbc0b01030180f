import type { ActivityBody } from '../../compute/types.ts';
import type { DataFilesParameters } from '../../schemas/generated/parameters.ts';
import { collectTexts } from '../text-files/collect.ts';

export const run: ActivityBody = (job) => {
  const params = job.params as unknown as DataFilesParameters;
  return collectTexts(job, [params.path.$path], params);
};
