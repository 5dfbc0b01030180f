import type { ActivityBody } from '../../compute/types.ts';
import type { ModelHubParameters } from '../../schemas/generated/parameters.ts';
import { fetchModel } from '../hub/model.ts';
import { keepModel } from '../model-directory.ts';

export const run: ActivityBody = async (job) => {
  const { commit, directory } = await fetchModel(job, job.params as unknown as ModelHubParameters);
  const { outputs, metrics } = await keepModel(job, directory);
  return { outputs: { ...outputs, commit }, metrics };
};
