import type { BodyResult, Job } from '../compute/types.ts';
import { type ChosenSource, readDictionaryFiles } from '../ml/sae/files/read.ts';
import { saveDictionary } from '../ml/sae/save.ts';

/**
 * Makes the `sae` artifact of a directory that SAELens, dictionary_learning or sparsify wrote. All of it is read and checked,
 * so that a dictionary that does not work is found here and not ten steps later.
 * @param hookpoint the name that a directory of sparsify goes by, where it may count
 * @throws ComputeError bad-dictionary, bad-parameter
 */
export function keepDictionary(
  job: Job,
  directory: string,
  chosen: ChosenSource,
  hookpoint: string | null = null,
): BodyResult {
  const { config, weights } = readDictionaryFiles(directory, chosen, hookpoint);
  const { variant, activation, layer, site, width, features } = config;
  job.log(`${variant} (${activation.type}) of ${String(config.training.format)}: ${site} of layer ${layer}`);
  if (activation.type === 'jumprelu' && weights.threshold?.every((value) => value === 0))
    job.log('All of its thresholds are 0, so it is no sparser than relu: was its training cut short?');
  const artifact = job.artifact('sae', 'sae');
  saveDictionary(artifact.directory, config, weights);
  return {
    outputs: { sae: artifact, layer, site },
    metrics: { features: { value: features }, width: { value: width } },
  };
}
