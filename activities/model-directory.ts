import type { BodyResult, Job } from '../compute/types.ts';
import { dataOf } from '../ml/engine/data-of.ts';
import { tensorflow } from '../ml/engine/engine.ts';
import { ComputeError } from '../ml/failure.ts';
import { loadModel } from '../ml/models/load.ts';
import { parameterCount, saveModel } from '../ml/models/save.ts';
import type { Tokenizer } from '../ml/models/types.ts';
import { loadTokenizer, tokenizerFiles } from '../ml/tokenizers/load.ts';

/**
 * Makes the `model` artifact of a Hugging Face directory. Reads everything once, so that a checkpoint that does not work is
 * found here and not ten steps later.
 * @throws ComputeError bad-model, bad-tokenizer
 */
export async function keepModel(job: Job, directory: string): Promise<BodyResult> {
  const tokenizer = loadTokenizer(directory);
  const model = await loadModel(directory);
  checkVocabulary(directory, tokenizer, model.vocabulary);
  const logits = dataOf(() => {
    const ids = tokenizer.encode('The movie was');
    return model.unembed(
      model.forward(tensorflow().tensor2d([ids.length > 0 ? ids : [0]], undefined, 'int32')),
    );
  });
  checkFinite(directory, logits);
  const artifact = job.artifact('model', 'model');
  saveModel(model, tokenizerFiles(directory), artifact.directory);
  const metrics = {
    parameters: { value: parameterCount(model) },
    vocabulary: { value: tokenizer.vocabularySize },
  };
  model.dispose();
  return { outputs: { model: artifact }, metrics };
}

/** @throws ComputeError bad-model when the tokenizer has tokens that the embedding lacks */
export function checkVocabulary(directory: string, tokenizer: Tokenizer, vocabulary: number): void {
  if (tokenizer.vocabularySize <= vocabulary) return;
  throw new ComputeError(
    'bad-model',
    `${directory}: the tokenizer has ${tokenizer.vocabularySize} tokens, but the model's vocabulary is ${vocabulary}`,
    { hint: 'the tokenizer.json of another model? Copy the one that belongs to these weights' },
  );
}

/** @throws ComputeError bad-model when one of the logits is no number */
export function checkFinite(directory: string, logits: Float32Array): void {
  if (logits.every(Number.isFinite)) return;
  throw new ComputeError(
    'bad-model',
    `${directory}: the model's output is not finite: the weights are damaged`,
  );
}
