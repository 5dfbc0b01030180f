import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import type { DataHubParameters } from '../../schemas/generated/parameters.ts';
import { byPattern } from '../hub/choose.ts';
import { ownerOf } from '../hub/owner.ts';
import { hubSettings } from '../hub/settings.ts';
import { fetchSnapshot } from '../hub/snapshot.ts';
import { collectTexts } from '../text-files/collect.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as DataHubParameters;
  const { repository, revision, files: patterns, token } = params;
  const { commit, directory, files } = await fetchSnapshot(
    {
      ...{ type: 'dataset', repository, revision, owner: ownerOf(job) },
      choose: (paths) => byPattern(paths, patterns),
    },
    hubSettings(job, token),
  );
  job.log(`${repository} at ${commit}: ${files.join(', ')}`);
  const paths = files.map((path) => join(directory, path));
  const { outputs, metrics } = await collectTexts(job, paths, params);
  return { outputs: { ...outputs, commit }, metrics };
};
