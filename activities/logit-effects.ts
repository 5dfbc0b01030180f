import { captureItems } from '../ml/activations/capture.ts';
import type { CaptureItem } from '../ml/activations/types.ts';
import { type LogitEffects, logitEffects, writesToStream } from '../ml/features/logit-effects.ts';
import type { Feature } from '../ml/features/types.ts';
import { loadModel } from '../ml/models/load.ts';
import type { Tokenizer } from '../ml/models/types.ts';
import type { Dictionary } from '../ml/sae/dictionary.ts';

/** Texts whose residual streams are read, and positions of them: the effect is a mean over these. */
const TEXTS = 16;
const POSITIONS = 64;
/** Sequences at once. */
const BATCH = 16;
/** Tokens on either side. */
const TOP = 8;

/**
 * The direct effect on the next token of each described feature, in their order; undefined for those whose dictionary
 * reconstructs what the residual stream does not take up.
 */
export async function logitEffectsOf(
  modelDirectory: string,
  dictionaries: readonly Dictionary[],
  features: readonly Pick<Feature, 'dictionary' | 'feature' | 'mean' | 'density'>[],
  items: readonly CaptureItem[],
  tokenizer: Tokenizer,
): Promise<(LogitEffects | undefined)[]> {
  const written = features.filter(({ dictionary }) => writes(dictionaries[dictionary] as Dictionary));
  if (written.length === 0) return features.map(() => undefined);
  const model = await loadModel(modelDirectory);
  try {
    const last = { site: 'block_out' as const, layer: model.layers - 1 };
    const [acts_RD] = captureItems(items.slice(0, TEXTS), {
      model,
      places: [last],
      batch: BATCH,
      padId: tokenizer.padId,
    });
    const additions = written.map(({ dictionary, feature, mean, density }) => ({
      direction: rowOf(dictionaries[dictionary] as Dictionary, feature),
      activation: mean / density,
    }));
    const effects = logitEffects(
      model,
      spread(acts_RD as Float32Array, model.width),
      additions,
      (id) => tokenizer.token(id),
      TOP,
    );
    return features.map((feature) => effects[written.indexOf(feature)]);
  } finally {
    model.dispose();
  }
}

const writes = ({ site, config }: Dictionary): boolean => writesToStream(config.writes?.site ?? site);

const rowOf = ({ decoder_FD, outputWidth }: Dictionary, feature: number): Float32Array => {
  const row_1D = decoder_FD.slice([feature, 0], [1, outputWidth]);
  const values = row_1D.dataSync() as Float32Array;
  row_1D.dispose();
  return values;
};

/** Positions evenly over all. */
function spread(acts_RD: Float32Array, width: number): Float32Array {
  const rows = acts_RD.length / width;
  const count = Math.min(POSITIONS, rows);
  const kept = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    const row = Math.floor((p * rows) / count);
    kept.set(acts_RD.subarray(row * width, (row + 1) * width), p * width);
  }
  return kept;
}
