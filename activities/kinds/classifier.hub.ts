import type { ActivityBody } from '../../compute/types.ts';
import type { ClassifierHubParameters } from '../../schemas/generated/parameters.ts';
import { keepClassifier } from '../classifier-directory.ts';
import { fetchModel } from '../hub/model.ts';

export const run: ActivityBody = async (job) => {
  const { commit, directory } = await fetchModel(job, job.params as unknown as ClassifierHubParameters);
  const { outputs, metrics } = await keepClassifier(job, directory);
  return { outputs: { ...outputs, commit }, metrics };
};
