import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import type { SaeHubParameters } from '../../schemas/generated/parameters.ts';
import { keepDictionary } from '../dictionary-directory.ts';
import { dictionaryFiles } from '../hub/choose-dictionary.ts';
import { ownerOf } from '../hub/owner.ts';
import { hubSettings } from '../hub/settings.ts';
import { fetchSnapshot } from '../hub/snapshot.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeHubParameters;
  const { repository, revision, folder, layer, site, model } = params;
  const choose = (paths: string[]) => dictionaryFiles(paths, folder);
  const { commit, directory } = await fetchSnapshot(
    { type: 'model', repository, revision, choose, owner: ownerOf(job) },
    hubSettings(job, params.token),
  );
  job.log(`${repository} at ${commit}`);
  // The folder is a parameter, and so part of the key: its name may count.
  const chosen = { layer, site, model: model?.digest };
  const { outputs, metrics } = keepDictionary(job, join(directory, folder), chosen, folder);
  return { outputs: { ...outputs, commit }, metrics };
};
