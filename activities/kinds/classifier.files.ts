import type { ActivityBody } from '../../compute/types.ts';
import type { ClassifierFilesParameters } from '../../schemas/generated/parameters.ts';
import { keepClassifier } from '../classifier-directory.ts';

export const run: ActivityBody = (job) =>
  keepClassifier(job, (job.params as unknown as ClassifierFilesParameters).path.$path);
