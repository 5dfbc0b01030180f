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
 * Opens a `sae` artifact: sae_weights.safetensors (W_enc [D, F], W_dec [F, E], b_enc [F], b_dec [E], threshold [F]
 * with `jumprelu`, W_skip [E, D] of some transcoders) and cfg.json, the layout of SAELens 6, in which our own configuration
 * is the field `plumbline`.
 *
 * @param accepts what the caller can use beside autoencoders, which read one model's activations and reconstruct them
 * @throws ComputeError bad-data when a file is missing or its shapes do not agree, bad-parameter when the dictionary is of
 * another kind than the caller can use
 */
export function loadDictionary(directory: string, accepts: readonly PairedKind[] = []): Dictionary {
  const config = readDictionaryConfig(directory);
  refuseOthers(config, accepts);
  const tensors = readSafetensors(join(directory, WEIGHTS_FILE));
  const { width: D, features: F } = config;
  const E = config.writes?.width ?? D;
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
    W_dec: take('W_dec', [F, E]),
    b_enc: take('b_enc', [F]),
    b_dec: take('b_dec', [E]),
    ...(config.activation.type === 'jumprelu' && { threshold: take('threshold', [F]) }),
    ...(config.writes?.skip && { W_skip: take('W_skip', [E, D]) }),
  });
}

/** Dictionaries of more than one place or model. */
export type PairedKind = 'transcoder' | 'crosscoder' | 'diff';

function refuseOthers({ writes, pair, layer, site }: DictionaryConfig, accepts: readonly PairedKind[]): void {
  const [kind, what]: [PairedKind | null, string] = writes
    ? [
        'transcoder',
        `reads ${site} of layer ${layer} and reconstructs ${writes.site} of layer ${writes.layer}`,
      ]
    : pair?.reads === 'both'
      ? ['crosscoder', 'reads the model before and after tuning together']
      : pair?.reads === 'difference'
        ? ['diff', 'reads the difference that tuning made']
        : [null, ''];
  if (kind === null || accepts.includes(kind)) return;
  throw new ComputeError('bad-parameter', `A dictionary of variant ${kind} cannot be used here: it ${what}`, {
    hint: 'give a dictionary that reads and reconstructs the activations of one place in one model',
  });
}

/** What a `sae` artifact is, beside its weights. */
export function readDictionaryConfig(directory: string): DictionaryConfig {
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
