import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../../failure.ts';
import type { HookSite } from '../../models/types.ts';
import type { DictionaryConfig, DictionaryWeights } from '../dictionary.ts';
import {
  DICTIONARY_LEARNING_CONFIG,
  DICTIONARY_LEARNING_WEIGHTS,
  readDictionaryLearning,
} from './dictionary-learning.ts';
import { badDictionary } from './failure.ts';
import { readSaeLens, SAELENS_CONFIG, SAELENS_WEIGHTS } from './saelens.ts';
import { readSparsify, SPARSIFY_CONFIG, SPARSIFY_WEIGHTS } from './sparsify.ts';
import type { StoredDictionary } from './types.ts';

/** What a dictionary reads, as far as the author of the experiment says it. */
export interface ChosenSource {
  layer?: number | undefined;
  site?: HookSite | undefined;
  /** Digest of the model. */
  model?: string | undefined;
}

/** Every format: the two files that it is told by, its configuration first. */
export const DICTIONARY_FILES: readonly {
  files: readonly [string, string];
  read(directory: string, hookpoint: string | null): StoredDictionary;
}[] = [
  { files: [SAELENS_CONFIG, SAELENS_WEIGHTS], read: readSaeLens },
  { files: [SPARSIFY_CONFIG, SPARSIFY_WEIGHTS], read: readSparsify },
  { files: [DICTIONARY_LEARNING_CONFIG, DICTIONARY_LEARNING_WEIGHTS], read: readDictionaryLearning },
];

/** What a format is told by, in words. */
export const KNOWN_FILES = DICTIONARY_FILES.map(({ files }) => files.join(' + ')).join(', or ');

/** Tokens of a text that its training saw, where nothing says how many: what `activations.capture` takes. */
const MAX_LENGTH = 256;

/**
 * A dictionary that SAELens, dictionary_learning or sparsify wrote. What it was trained on is not known: any text may have
 * been among it.
 *
 * @param hookpoint the name that a directory of sparsify goes by, where it may count
 * @throws ComputeError bad-dictionary when the files are odd, damaged or of a kind that is not supported; bad-parameter when
 *   they and `chosen` do not say where it reads, or say different things
 */
export function readDictionaryFiles(
  directory: string,
  chosen: ChosenSource,
  hookpoint: string | null,
): { config: DictionaryConfig; weights: DictionaryWeights } {
  const stored = readStored(directory, hookpoint);
  const { format, width, features, variant, activation, subtractsDecoderBias } = stored;
  const config: DictionaryConfig = {
    variant,
    layer: agreed('layer', stored.layer, chosen.layer, directory),
    site: agreed('site', stored.site, chosen.site, directory),
    width,
    features,
    activation,
    subtractsDecoderBias,
    trainingScale: stored.trainingScale,
    threshold: stored.threshold,
    model: chosen.model ?? '',
    data: '',
    texts: { total: 0, visited: 0, shuffle: null },
    skippedPositions: stored.skippedPositions ?? 0,
    maxLength: stored.maxLength ?? MAX_LENGTH,
    training: { format },
  };
  return { config, weights: stored.weights };
}

function readStored(directory: string, hookpoint: string | null): StoredDictionary {
  const there = (name: string) => existsSync(join(directory, name));
  const format = DICTIONARY_FILES.find(({ files }) => files.every(there));
  if (format) return format.read(directory, hookpoint);
  const half = DICTIONARY_FILES.flatMap(({ files }) => files).find(there);
  throw badDictionary(
    directory,
    half === undefined ? 'there is no dictionary in it' : `there is ${half}, but not what belongs to it`,
    `it should have ${KNOWN_FILES}`,
  );
}

/** What the files and the author say of one field. */
function agreed<T>(field: string, stored: T | null, chosen: T | undefined, directory: string): T {
  if (stored !== null && chosen !== undefined && stored !== chosen)
    throw new ComputeError(
      'bad-parameter',
      `${directory}: its files say ${field} ${stored}, the experiment ${chosen}`,
      { hint: `leave \`${field}\` out, or give another dictionary` },
    );
  const value = chosen ?? stored;
  if (value !== null && value !== undefined) return value;
  throw new ComputeError('bad-parameter', `${directory}: its files do not say which ${field} it reads`, {
    hint: `give \`${field}\``,
  });
}
