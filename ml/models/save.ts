import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { WritableTensor } from './safetensors.ts';
import { type TensorSource, writeSafetensorsFile } from './safetensors-file.ts';
import type { LanguageModel } from './types.ts';

/** What a directory holds of a model, whatever is on top of its trunk: language models, sequence classifiers. */
export type Saved = Pick<LanguageModel, 'config' | 'parameters'>;

/** Beyond this many bytes of weights, they are split over several files: as `save_pretrained` of transformers 4. */
const SHARD_BYTES = 5e9;

/**
 * Writes a Hugging Face directory that `transformers` loads: model.safetensors (float32) or its shards with their index,
 * config.json, and copies of the tokenizer's files (`tokenizerFiles(directory)` of ml/tokenizers). The tensors are
 * fetched from the engine one by one. Equal models give equal bytes.
 */
export function saveModel(
  model: Saved,
  tokenizerFiles: readonly string[],
  directory: string,
  { shardBytes = SHARD_BYTES }: { shardBytes?: number } = {},
): void {
  mkdirSync(directory, { recursive: true });
  const config = { ...model.config, dtype: 'float32' };
  delete (config as Record<string, unknown>).torch_dtype;
  writeFileSync(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  writeWeights(model, directory, shardBytes);
  for (const file of tokenizerFiles) copyFileSync(file, join(directory, basename(file)));
}

function writeWeights(model: Saved, directory: string, shardBytes: number): void {
  const shards: Record<string, TensorSource>[] = [];
  let left = 0;
  let total = 0;
  for (const [name, parameter] of model.parameters) {
    const bytes = 4 * parameter.size;
    if (shards.length === 0 || bytes > left) {
      shards.push({});
      left = shardBytes;
    }
    (shards.at(-1) as (typeof shards)[number])[name] = {
      dtype: 'F32',
      shape: parameter.shape,
      read: () => parameter.dataSync() as Float32Array,
    };
    left -= bytes;
    total += bytes;
  }
  if (shards.length === 1) {
    writeSafetensorsFile(join(directory, 'model.safetensors'), shards[0] ?? {}, { format: 'pt' });
    return;
  }
  const number = (n: number) => String(n).padStart(5, '0');
  const map: Record<string, string> = {};
  for (const [i, tensors] of shards.entries()) {
    const name = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const tensor of Object.keys(tensors)) map[tensor] = name;
    writeSafetensorsFile(join(directory, name), tensors, { format: 'pt' });
  }
  const index = { metadata: { total_size: total }, weight_map: map };
  writeFileSync(join(directory, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

/** The parameters in main memory, by name: for files and for checkpoints. */
export function parameterValues(
  model: Pick<Saved, 'parameters'>,
): Record<string, WritableTensor & { data: Float32Array; shape: number[] }> {
  const tensors: ReturnType<typeof parameterValues> = {};
  for (const [name, parameter] of model.parameters) {
    tensors[name] = { dtype: 'F32', shape: [...parameter.shape], data: parameter.dataSync() as Float32Array };
  }
  return tensors;
}

/** How many numbers the parameters hold. */
export const parameterCount = (model: Pick<Saved, 'parameters'>): number =>
  [...model.parameters.values()].reduce((sum, parameter) => sum + parameter.size, 0);
