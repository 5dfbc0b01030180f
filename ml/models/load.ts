import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { assembledTensor } from '../engine/assembled-tensor.ts';
import { tensorflow } from '../engine/engine.ts';
import { MappedFloats } from '../engine/mapped-floats.ts';
import { ComputeError } from '../failure.ts';
import type { ModelDescription } from './architecture.ts';
import { architectureOf } from './architectures.ts';
import { causalModel } from './causal-model.ts';
import { Checkpoint } from './checkpoint.ts';
import { ConfigError } from './config.ts';
import { SafetensorsError } from './safetensors.ts';
import type { LanguageModel } from './types.ts';

/**
 * Opens a Hugging Face directory: config.json and model.safetensors, or the shards that model.safetensors.index.json
 * names. Values go from the file to the engine in small pieces, so that the peak is the parameters in float32.
 * @throws ComputeError bad-model, naming the file, the field or the tensor.
 */
export async function loadModel(directory: string): Promise<LanguageModel> {
  return readingCheckpoint(directory, () => {
    const config = readConfig(directory);
    const architecture = architectureOf(config);
    const variables = readParameters(directory, architecture.describe(config));
    return causalModel(architecture, config, variables);
  });
}

/** What `read` finds wrong with the files of a directory becomes an error for people. @throws ComputeError bad-model */
export function readingCheckpoint<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SafetensorsError) {
      throw new ComputeError('bad-model', `${directory}: ${error.message}`, {
        hint: error.hint ?? 'give the directory of a Hugging Face checkpoint in safetensors',
      });
    }
    throw error;
  }
}

/** config.json alone: shapes and names, without the weights. */
export function readConfig(directory: string): Record<string, unknown> {
  const path = join(directory, 'config.json');
  if (!existsSync(path)) throw new ConfigError('there is no config.json');
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`config.json is not JSON: ${(error as Error).message}`);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new ConfigError('config.json is not a JSON object');
  return config as Record<string, unknown>;
}

/** What of a description says which tensors there must be. */
export type StoredParameters = Pick<ModelDescription, 'parameters' | 'basePrefix' | 'ignored'>;

/** The parameters that a description asks for, from the directory's weights; the caller frees them. */
export function readParameters(directory: string, description: StoredParameters): Map<string, tf.Variable> {
  const checkpoint = new Checkpoint(directory);
  const variables = new Map<string, tf.Variable>();
  const mapped = new Map<string, MappedFloats>();
  try {
    const sources = storedNames(checkpoint, description);
    for (const { name, shape } of description.parameters) {
      const stored = sources.get(name) as string;
      const value = () =>
        mappedValue(checkpoint, stored, shape, mapped) ??
        assembledTensor(shape, (start, into) => checkpoint.readInto(stored, start, into));
      variables.set(
        name,
        tensorflow().tidy(() => tensorflow().variable(value())),
      );
    }
    return variables;
  } catch (error) {
    for (const parameter of variables.values()) parameter.dispose();
    throw error;
  } finally {
    for (const file of mapped.values()) file.dispose();
    checkpoint.close();
  }
}

/** Smaller tensors are read: mapping saves nothing. */
const WORTH_MAPPING = 2 ** 20;

/** The tensor as it lies in its file, if it can be used so. */
function mappedValue(
  checkpoint: Checkpoint,
  name: string,
  shape: readonly number[],
  mapped: Map<string, MappedFloats>,
): tf.Tensor | undefined {
  const place = checkpoint.place(name);
  if (!place || !MappedFloats.supported()) return undefined;
  const { path, size, begin, end } = place;
  if (end - begin < WORTH_MAPPING || !MappedFloats.aligned(begin, end)) return undefined;
  let file = mapped.get(path);
  if (!file) {
    file = new MappedFloats(path, size);
    mapped.set(path, file);
  }
  return file.at(begin, shape);
}

/** The tensor of the checkpoint that holds each parameter. Everything is checked before the first value is read. */
function storedNames(checkpoint: Checkpoint, description: StoredParameters): Map<string, string> {
  const { basePrefix, parameters, ignored } = description;
  const left = new Set(checkpoint.names);
  const sources = new Map<string, string>();
  for (const { name, shape } of parameters) {
    const bare = name.startsWith(basePrefix) ? name.slice(basePrefix.length) : name;
    const stored = left.has(name) ? name : bare;
    const entry = checkpoint.entry(stored);
    if (!entry) throw new SafetensorsError(`the tensor ${name} is missing`);
    if (entry.shape.join() !== shape.join())
      throw new SafetensorsError(
        `the tensor ${stored} has shape [${entry.shape}], but config.json makes it [${shape}]`,
      );
    if (!['F64', 'F32', 'F16', 'BF16'].includes(entry.dtype))
      throw new SafetensorsError(
        `the tensor ${stored} holds ${entry.dtype}, but weights are floating-point numbers`,
        'quantised checkpoints are not supported: give one in float32, float16 or bfloat16',
      );
    sources.set(name, stored);
    left.delete(stored);
  }
  const unknown = [...left].filter((name) => !ignored.test(name) && !ignored.test(`${basePrefix}${name}`));
  if (unknown.length > 0)
    throw new SafetensorsError(
      `${unknown.length} tensors have no place in this architecture, the first is ${unknown[0]}`,
    );
  return sources;
}
