import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG_FILE, readDictionaryConfig, WEIGHTS_FILE } from '../../ml/sae/load.ts';
import { saeLensConfig } from '../../ml/sae/saelens-config.ts';
import { UserError } from '../errors.ts';
import type { Exporter } from './types.ts';

/**
 * Dictionaries are kept with the weights of SAELens 6, in the model's units; batch-topk and gated ones as jumprelu, which
 * computes the same. cfg.json is written anew, with what SAELens reads as of today; what we know beside that stays in it.
 */
export const saeLens: Exporter = {
  artifacts: ['sae'],
  loads: (directory) => `sae_lens.SAE.load_from_disk(${JSON.stringify(directory)})`,
  async write(source, directory) {
    const config = readDictionaryConfig(source);
    if (config.pair?.reads === 'both')
      throw new UserError(
        'A crosscoder cannot be exported: SAELens has no dictionaries of two models.',
        'Export dictionaries of other variants, one of each model.',
      );
    const content = { ...saeLensConfig(config), plumbline: config };
    await writeFile(join(directory, CONFIG_FILE), `${JSON.stringify(content, null, 2)}\n`);
    await rename(join(source, WEIGHTS_FILE), join(directory, WEIGHTS_FILE));
  },
};
