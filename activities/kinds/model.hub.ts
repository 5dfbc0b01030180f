import type { ActivityBody } from '../../compute/types.ts';
import type { ModelHubParameters } from '../../schemas/generated/parameters.ts';
import { modelFiles } from '../hub/choose.ts';
import { ownerOf } from '../hub/owner.ts';
import { hubSettings } from '../hub/settings.ts';
import { fetchSnapshot } from '../hub/snapshot.ts';
import { keepModel } from '../model-directory.ts';

export const run: ActivityBody = async (job) => {
  const { repository, revision, token } = job.params as unknown as ModelHubParameters;
  const { commit, directory } = await fetchSnapshot(
    { type: 'model', repository, revision, choose: modelFiles, owner: ownerOf(job) },
    hubSettings(job, token),
  );
  job.log(`${repository} at ${commit}`);
  const { outputs, metrics } = await keepModel(job, directory);
  return { outputs: { ...outputs, commit }, metrics };
};
