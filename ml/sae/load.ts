import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../failure.ts';
import { readSafetensors } from '../models/safetensors.ts';
import {
  createDictionary,
  type Dictionary,
  type DictionaryConfig,
  type DictionaryWeights,
} from './dictionary.ts';

export const WEIGHTS_FILE = 'sae_weights.safetensors';
export const CONFIG_FILE = 'cfg.json';

/**
 * Opens a `sae` artifact: sae_weights.safetensors (W_enc [D, F], W_dec [F, D], b_enc [F], b_dec [D], threshold [F]
 * with `jumprelu`) and cfg.json, the layout of SAELens 6, in which our own configuration is the field `plumbline`.
 * @throws ComputeError bad-data when a file is missing or its shapes do not agree.
 */
export function loadDictionary(directory: string): Dictionary {
  const config = readConfig(directory);
  const tensors = readSafetensors(join(directory, WEIGHTS_FILE));
  const { width: D, features: F } = config;
  const take = (name: keyof DictionaryWeights, shape: number[]): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
      throw new ComputeError(
        'bad-data',
        `${join(directory, WEIGHTS_FILE)}: ${name} should be F32 [${shape}], but is ` +
          (tensor ? `${tensor.dtype} [${tensor.shape}]` : 'missing'),
        { hint: 'train the dictionary again: this one was not written by sae.train, or was changed since' },
      );
    }
    return tensor.data as Float32Array;
  };
  return createDictionary(config, {
    W_enc: take('W_enc', [D, F]),
    W_dec: take('W_dec', [F, D]),
    b_enc: take('b_enc', [F]),
    b_dec: take('b_dec', [D]),
    ...(config.activation.type === 'jumprelu' && { threshold: take('threshold', [F]) }),
  });
}

function readConfig(directory: string): DictionaryConfig {
  const file = join(directory, CONFIG_FILE);
  let parsed: { plumbline?: DictionaryConfig };
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ComputeError('bad-data', `${file}: ${(error as Error).message}`);
  }
  if (!parsed.plumbline) {
    throw new ComputeError('bad-data', `${file} has no field \`plumbline\``, {
      hint: 'only dictionaries trained by sae.train can be used here',
    });
  }
  return parsed.plumbline;
}
