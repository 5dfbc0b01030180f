import type { BodyResult, Job } from '../compute/types.ts';
import { loadClassifier } from '../ml/classifiers/load.ts';
import { rowLogits } from '../ml/classifiers/row-logits.ts';
import { textRow } from '../ml/classifiers/text-rows.ts';
import { parameterCount, saveModel } from '../ml/models/save.ts';
import { loadTokenizer, tokenizerFiles } from '../ml/tokenizers/load.ts';
import { checkFinite, checkVocabulary } from './model-directory.ts';

/**
 * Makes the `classifier` artifact of a Hugging Face directory. Reads everything once, so that a checkpoint that does not
 * work is found here and not ten steps later.
 * @throws ComputeError bad-model, bad-tokenizer
 */
export async function keepClassifier(job: Job, directory: string): Promise<BodyResult> {
  const tokenizer = loadTokenizer(directory);
  const classifier = await loadClassifier(directory);
  checkVocabulary(directory, tokenizer, Number(classifier.config.vocab_size));
  const { ids } = textRow(tokenizer, 'The movie was', classifier.maxPositions);
  checkFinite(directory, rowLogits(classifier, [ids])[0] as Float32Array);
  job.log(`outputs: ${classifier.labels.join(', ')}`);
  const artifact = job.artifact('classifier', 'classifier');
  saveModel(classifier, tokenizerFiles(directory), artifact.directory);
  const metrics = {
    parameters: { value: parameterCount(classifier) },
    labels: { value: classifier.labels.length },
  };
  classifier.dispose();
  return { outputs: { classifier: artifact }, metrics };
}
