import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { classifierFromModel } from '../../ml/classifiers/causal-classifier.ts';
import { startEngine, tensorflow } from '../../ml/engine/engine.ts';
import { loadModel } from '../../ml/models/load.ts';
import { saveModel } from '../../ml/models/save.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { type LoraOptions, lora } from '../../ml/training/lora.ts';
import { saveAdapter } from '../../ml/training/save-adapter.ts';

const TARGETS: Record<string, LoraOptions['targets']> = { default: null, 'all-linear': 'all-linear' };
const MODELS = ['gemma', 'gpt2', 'gpt_neo', 'gpt_neox', 'llama', 'qwen2', 'qwen3'];

interface Expected {
  task: 'language-model' | 'classifier';
  ids: number[][];
  logits: unknown;
}

type Parameters = ReadonlyMap<string, tf.Variable>;

/**
 * Writes DIRECTORY/<name>/{base,adapter,merged}: a tiny model or classifier, a low-rank change with random A and B in the
 * format of `peft`, and the model with it merged in; and DIRECTORY/expected.json: by name, token ids and what the merged
 * model makes of them.
 */
export async function prepare(root: string, directory: string): Promise<void> {
  await startEngine();
  const expected: Record<string, Expected> = {};
  for (const architecture of MODELS) {
    for (const [which, targets] of Object.entries(TARGETS)) {
      const source = join(root, 'test/fixtures/tiny-models', architecture);
      const name = `${architecture} ${which}`;
      expected[name] = await languageModel(source, join(directory, name), targets);
      const other = `${architecture} classifier ${which}`;
      expected[other] = classifier(source, join(directory, other), targets);
    }
  }
  writeFileSync(join(directory, 'expected.json'), JSON.stringify(expected));
}

async function languageModel(
  source: string,
  directory: string,
  targets: LoraOptions['targets'],
): Promise<Expected> {
  mkdirSync(join(directory, 'base'), { recursive: true });
  for (const file of ['config.json', 'model.safetensors'])
    copyFileSync(join(source, file), join(directory, 'base', file));
  const model = await loadModel(source);
  adapt(model, directory, targets);
  saveModel(model, [], join(directory, 'merged'));
  const ids = rowsFor(model);
  const tf = tensorflow();
  const logits = tf.tidy(() =>
    model.unembed(model.forward(tf.tensor2d(ids, undefined, 'int32'))).arraySync(),
  );
  model.dispose();
  return { task: 'language-model', ids, logits };
}

/** The head that the adapter holds is another one than that of the base. */
function classifier(source: string, directory: string, targets: LoraOptions['targets']): Expected {
  const model = classifierFromModel(source, {
    labels: ['reward'],
    padId: 0,
    draws: stream(5, 'adapters/head'),
  });
  saveModel(model, [], join(directory, 'base'));
  randomise(model.head);
  adapt(model.trunk, directory, targets, model.head);
  saveModel(model, [], join(directory, 'merged'));
  const ids = rowsFor(model.trunk);
  const logits = tensorflow().tidy(() => model.logits(ids).arraySync());
  model.dispose();
  return { task: 'classifier', ids, logits };
}

/** Merges a random low-rank change into the model, and writes it. */
function adapt(model: LanguageModel, directory: string, targets: LoraOptions['targets'], head?: Parameters) {
  const options: LoraOptions = { rank: 3, alpha: 5, targets };
  const trainable = lora(model, options, (name) => stream(5, `adapters/${name}`));
  randomise(trainable.parameters);
  trainable.moved();
  saveAdapter(model, trainable.parameters, options, join(directory, 'adapter'), head);
  trainable.dispose();
}

function randomise(parameters: Parameters): void {
  const tf = tensorflow();
  for (const [name, parameter] of parameters) {
    const random = stream(5, `adapters/values/${name}`);
    const values = Float32Array.from({ length: parameter.size }, () => 0.2 * (random.uniform() - 0.5));
    tf.tidy(() => parameter.assign(tf.tensor(values, parameter.shape)));
  }
}

/** Without the id 0, which pads. */
const rowsFor = ({ vocabulary }: LanguageModel) =>
  [3, 8].map((step) => Array.from({ length: 12 }, (_, i) => 1 + ((5 + step * i * i) % (vocabulary - 1))));
