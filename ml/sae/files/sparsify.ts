import { basename, join } from 'node:path';
import type { HookSite } from '../../models/types.ts';
import { badDictionary } from './failure.ts';
import { transposed } from './fold.ts';
import { Settings } from './settings.ts';
import { StoredWeights } from './stored-weights.ts';
import type { StoredDictionary } from './types.ts';

export const SPARSIFY_CONFIG = 'cfg.json';
export const SPARSIFY_WEIGHTS = 'sae.safetensors';

/**
 * sparsify (`SparseCoder.save_to_disk`): cfg.json with d_in, k, activation, transcode, skip_connection; sae.safetensors with
 * encoder.weight [F, D], encoder.bias, W_dec [F, D], b_dec. f = the k largest of relu((x - b_dec) W_enc^T + b_enc).
 *
 * The files do not say where it reads: the name of their directory does (`layers.3.mlp`), where there is one to go by.
 *
 * @param hookpoint that name; null when it must not count
 */
export function readSparsify(directory: string, hookpoint: string | null): StoredDictionary {
  const config = Settings.read(join(directory, SPARSIFY_CONFIG));
  const k = config.integer('k', 1);
  const activation = config.string('activation') ?? 'topk';
  if (activation !== 'topk')
    throw badDictionary(
      config.where,
      `the activation ${JSON.stringify(activation)} is not supported (topk is)`,
    );
  if (config.boolean('signed') === true)
    throw badDictionary(config.where, 'signed is set: its features may be negative');
  if (config.boolean('transcode') === true || config.boolean('skip_connection') === true)
    throw badDictionary(config.where, 'it is a transcoder, which reads one place and writes another');
  return StoredWeights.with(join(directory, SPARSIFY_WEIGHTS), (stored) => {
    const { rows: F, columns: D, data: encoder_FD } = stored.matrix('encoder.weight');
    const width = config.integer('d_in', 1);
    if (width !== null && width !== D)
      throw badDictionary(config.where, `d_in is ${width}, but encoder.weight is [${F}, ${D}]`);
    if (k === null || k > F)
      throw badDictionary(config.where, `k is ${k ?? 'missing'}, but should lie between 1 and ${F}`);
    return {
      format: 'sparsify',
      variant: 'topk',
      width: D,
      features: F,
      activation: { type: 'topk', k },
      subtractsDecoderBias: true,
      weights: {
        W_enc: transposed(encoder_FD, F, D),
        W_dec: stored.take('W_dec', [F, D]),
        b_enc: stored.take('encoder.bias', [F]),
        b_dec: stored.take('b_dec', [D]),
      },
      trainingScale: 1,
      threshold: null,
      ...placeOf(basename(hookpoint ?? '')),
      maxLength: null,
      skippedPositions: null,
    };
  });
}

const SITES: ReadonlyMap<string | undefined, HookSite> = new Map<string | undefined, HookSite>([
  [undefined, 'block_out'],
  ['mlp', 'mlp_out'],
  ['attention', 'attention_out'],
  ['self_attn', 'attention_out'],
  ['attn', 'attention_out'],
]);

/** From the name of a module whose output it reads. */
function placeOf(hookpoint: string): Pick<StoredDictionary, 'layer' | 'site'> {
  const [, layer, module] = /(?:^|\.)(?:layers|h)[._](\d{1,6})(?:\.(\w+))?$/.exec(hookpoint) ?? [];
  if (layer === undefined) return { layer: null, site: null };
  return { layer: Number(layer), site: SITES.get(module) ?? null };
}
