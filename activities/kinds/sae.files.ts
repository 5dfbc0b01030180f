import type { ActivityBody } from '../../compute/types.ts';
import type { SaeFilesParameters } from '../../schemas/generated/parameters.ts';
import { keepDictionary } from '../dictionary-directory.ts';

export const run: ActivityBody = async (job) => {
  const { path, layer, site, model } = job.params as unknown as SaeFilesParameters;
  return keepDictionary(job, path.$path, { layer, site, model: model?.digest });
};
