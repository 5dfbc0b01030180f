import type { ActivityBody } from '../../compute/types.ts';
import type { ModelFilesParameters } from '../../schemas/generated/parameters.ts';
import { keepModel } from '../model-directory.ts';

export const run: ActivityBody = (job) =>
  keepModel(job, (job.params as unknown as ModelFilesParameters).path.$path);
