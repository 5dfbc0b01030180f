import type { HookSite } from '../../../../ml/models/types.ts';
import { stream } from '../../../../ml/random/stream.ts';
import type { DictionaryConfig } from '../../../../ml/sae/dictionary.ts';
import { randomDirections } from '../../../../ml/sae/initial-weights.ts';
import { saveDictionary } from '../../../../ml/sae/save.ts';
import { temporaryDirectory } from '../../activations/run-body.ts';

export const D = 16;

export interface Planted {
  /** [F, D] */
  rows: Float32Array;
  layer?: number;
  model?: string;
  width?: number;
  threshold?: number;
}

/** A `sae` artifact whose encoder and decoder rows are `rows`. */
export function dictionaryArtifact(name: string, planted: Planted) {
  const { rows, layer = 1, model = 'model-digest', width = D, threshold = 0.1 } = planted;
  const features = rows.length / width;
  const directory = temporaryDirectory();
  const config: DictionaryConfig = {
    variant: 'standard',
    layer,
    site: 'mlp_out',
    width,
    features,
    activation: { type: 'jumprelu' },
    subtractsDecoderBias: false,
    trainingScale: 1,
    threshold: null,
    model,
    data: 'data-digest',
    texts: { total: 0, visited: 0, shuffle: null },
    skippedPositions: 1,
    maxLength: 32,
    training: {},
  };
  const W_enc = new Float32Array(rows.length);
  for (let f = 0; f < features; f++)
    for (let d = 0; d < width; d++) W_enc[d * features + f] = rows[f * width + d]!;
  saveDictionary(directory, config, {
    W_enc,
    W_dec: rows,
    b_enc: new Float32Array(features),
    b_dec: new Float32Array(width),
    threshold: new Float32Array(features).fill(threshold),
  });
  return { $artifact: 'sae', digest: `${name}-digest`, from: name, directory };
}

export const directions = (F: number, name: string): Float32Array =>
  randomDirections(F, D, 1, stream(3, `test.${name}`));

/**
 * A `sae` artifact of variant `transcoder` whose features never fire: y_hat = x W_skip^T + b_dec alone.
 *
 * @param skip_DD [D, D]
 */
export function affineTranscoder(
  [reads, writes]: [HookSite, HookSite],
  skip_DD: Float32Array,
  bias_D: Float32Array,
) {
  const directory = temporaryDirectory();
  const features = 4;
  const config: DictionaryConfig = {
    ...{ variant: 'transcoder', layer: 1, site: reads, width: D, features, activation: { type: 'relu' } },
    ...{ subtractsDecoderBias: false, trainingScale: 1, threshold: null, model: '', data: 'data-digest' },
    ...{ texts: { total: 0, visited: 0, shuffle: null }, skippedPositions: 1, maxLength: 32, training: {} },
    writes: { layer: 1, site: writes, width: D, skip: true },
  };
  saveDictionary(directory, config, {
    W_enc: new Float32Array(D * features),
    W_dec: directions(features, 'silent'),
    b_enc: new Float32Array(features).fill(-1),
    b_dec: bias_D,
    W_skip: skip_DD,
  });
  return { $artifact: 'sae', digest: `${reads}-digest`, from: reads, directory };
}

/** The rows in another order. */
export function reordered(rows: Float32Array, order: Int32Array): Float32Array {
  const out = new Float32Array(rows.length);
  order.forEach((from, to) => {
    out.set(rows.subarray(from * D, (from + 1) * D), to * D);
  });
  return out;
}
