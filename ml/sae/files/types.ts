import type { HookSite } from '../../models/types.ts';
import type { Activation, DictionaryWeights } from '../dictionary.ts';

/** Which package wrote the files. */
export type FilesFormat = 'saelens' | 'dictionary-learning' | 'sparsify';

/** A dictionary as it stands in the files of another package, in our form. */
export interface StoredDictionary {
  format: FilesFormat;
  variant: string;
  width: number;
  features: number;
  activation: Activation;
  subtractsDecoderBias: boolean;
  weights: DictionaryWeights;
  /** Activations were multiplied by this in training, which is folded into the weights. */
  trainingScale: number;
  /** As `DictionaryConfig.threshold`. */
  threshold: number | null;
  /** What the files say about where it reads; null where they say nothing that we can tell. */
  layer: number | null;
  site: HookSite | null;
  /** What its training saw of a text, where they say so. */
  maxLength: number | null;
  skippedPositions: number | null;
}
