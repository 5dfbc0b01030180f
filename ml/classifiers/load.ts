import { ConfigError } from '../models/config.ts';
import { readConfig, readingCheckpoint } from '../models/load.ts';
import { CAUSAL_CLASSIFIERS, openCausalClassifier } from './causal-classifier.ts';
import { DISTILBERT_CLASSIFIER, openDistilbert } from './distilbert.ts';
import type { SequenceClassifier } from './types.ts';

interface Family {
  /** `architectures` of config.json. */
  architecture: string;
  open(directory: string, config: Record<string, unknown>): SequenceClassifier;
}

/** By `model_type` of config.json. */
const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ...Object.entries(CAUSAL_CLASSIFIERS).map(([modelType, architecture]): [string, Family] => [
    modelType,
    { architecture, open: openCausalClassifier },
  ]),
  ['distilbert', { architecture: DISTILBERT_CLASSIFIER, open: openDistilbert }],
]);

/**
 * Opens a Hugging Face directory of a sequence classifier: a reward model, or one that gives logits of labels.
 * @throws ComputeError bad-model, naming the file, the field or the tensor
 */
export async function loadClassifier(directory: string): Promise<SequenceClassifier> {
  return readingCheckpoint(directory, () => {
    const config = readConfig(directory);
    return familyOf(config).open(directory, config);
  });
}

function familyOf(config: Record<string, unknown>): Family {
  const { model_type: type, architectures } = config;
  const family = FAMILIES.get(String(type));
  if (!family) {
    throw new ConfigError(
      `config.json: classifiers of model_type ${JSON.stringify(type)} are not supported`,
      `those of ${[...FAMILIES.keys()].join(', ')} are`,
    );
  }
  if (Array.isArray(architectures) && architectures.includes(family.architecture)) return family;
  throw new ConfigError(
    `config.json: architectures is ${JSON.stringify(architectures ?? null)}, not ["${family.architecture}"]`,
    'a language model is no classifier: give the directory of a sequence classifier, or train one with `reward.train`',
  );
}
