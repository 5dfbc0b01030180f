import type { Job } from '../../compute/types.ts';
import { modelFiles } from './choose.ts';
import { ownerOf } from './owner.ts';
import { hubSettings } from './settings.ts';
import { fetchSnapshot } from './snapshot.ts';

/** What `model.hub` and `classifier.hub` are asked for. */
interface HubModel {
  repository: string;
  revision: string;
  token?: Parameters<typeof hubSettings>[1];
}

/** The files of a model or classifier at the Hub, in a local directory, and the commit that they are of. */
export async function fetchModel(
  job: Job,
  { repository, revision, token }: HubModel,
): Promise<{ commit: string; directory: string }> {
  const { commit, directory } = await fetchSnapshot(
    { type: 'model', repository, revision, choose: modelFiles, owner: ownerOf(job) },
    hubSettings(job, token),
  );
  job.log(`${repository} at ${commit}`);
  return { commit, directory };
}
