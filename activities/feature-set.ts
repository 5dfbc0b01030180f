import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job, LocalArtifact } from '../compute/types.ts';
import type { FeatureSet } from '../ml/features/types.ts';

const FILE = 'features.json';

export async function readFeatureSet(directory: string): Promise<FeatureSet> {
  return JSON.parse(await readFile(join(directory, FILE), 'utf8')) as FeatureSet;
}

/** A `features` artifact of the set. */
export async function writeFeatureSet(
  job: Job,
  set: FeatureSet,
  output = 'features',
): Promise<LocalArtifact> {
  const artifact = job.artifact('features', output);
  await writeFile(join(artifact.directory, FILE), `${JSON.stringify(set)}\n`);
  return artifact;
}
