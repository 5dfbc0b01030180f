import { captureItems } from '../../activations/capture.ts';
import type { CaptureItem } from '../../activations/types.ts';
import { dataOf } from '../../engine/data-of.ts';
import { tensorflow } from '../../engine/engine.ts';
import type { LanguageModel } from '../../models/types.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Dictionary } from '../dictionary.ts';
import { PairCorrelations } from '../metrics/activation-correlation.ts';
import type { ComparedPair } from './types.ts';

/** A dictionary and the model whose activations it reads. */
export interface Reader {
  dictionary: Dictionary;
  model: LanguageModel;
}

export interface ActivityOptions {
  /** Sequences run at once. */
  batch: number;
  padId: number;
  /** Deals the partners of the control. */
  stream: RandomStream;
  onBatch?(done: number): void;
}

/**
 * How often the features of each dictionary fire at the positions of the items [F], and the correlation of the activations
 * of the pairs' assigned features, into `assigned.correlation`; into `controls.correlation` that of the same features with
 * their partners dealt anew. Every model reads the same tokens.
 */
export function compareActivity(
  items: readonly CaptureItem[],
  readers: readonly Reader[],
  pairs: readonly ComparedPair[],
  { batch, padId, stream, onBatch }: ActivityOptions,
): { positions: number; counts: Float64Array[] } {
  const counts = readers.map(({ dictionary }) => new Float64Array(dictionary.features));
  const watched = pairs.flatMap((pair) => {
    if (!pair.assigned) return [];
    const first = Int32Array.from(pair.assigned.first);
    const second = Int32Array.from(pair.assigned.second);
    const dealt = stream.permutation(second.length).map((p) => second[p]!);
    const own = new PairCorrelations(first, second);
    return [{ pair, own, control: new PairCorrelations(first, dealt) }];
  });
  let positions = 0;
  for (let start = 0; start < items.length; start += batch) {
    const group = items.slice(start, start + batch);
    const features = featuresOf(group, readers, { batch, padId });
    features.forEach((features_NF, r) => {
      const count = counts[r]!;
      for (let i = 0; i < features_NF.length; i++) if (features_NF[i]! > 0) count[i % count.length]! += 1;
    });
    for (const { pair, own, control } of watched) {
      const [a, b] = [pair.first, pair.second] as const;
      for (const correlations of [own, control])
        correlations.add(features[a]!, counts[a]!.length, features[b]!, counts[b]!.length);
    }
    positions += features[0]!.length / counts[0]!.length;
    onBatch?.(Math.min(items.length, start + batch));
  }
  for (const { pair, own, control } of watched) {
    pair.assigned!.correlation = Array.from(own.correlations(), orNull);
    pair.controls.correlation = Array.from(control.correlations(), orNull);
  }
  return { positions, counts };
}

/** Feature activations [N, F] of each reader at the positions of the items; each model runs once for all its readers. */
function featuresOf(
  items: readonly CaptureItem[],
  readers: readonly Reader[],
  options: { batch: number; padId: number },
): Float32Array[] {
  const tf = tensorflow();
  const out = new Array<Float32Array>(readers.length);
  for (const model of new Set(readers.map((reader) => reader.model))) {
    const own = [...readers.keys()].filter((r) => readers[r]!.model === model);
    const places = own.map((r) => readers[r]!.dictionary).map(({ site, layer }) => ({ site, layer }));
    captureItems(items, { ...options, model, places }).forEach((acts, i) => {
      const { dictionary } = readers[own[i]!]!;
      const shape: [number, number] = [acts.length / dictionary.width, dictionary.width];
      out[own[i]!] = dataOf(() => dictionary.encode(tf.tensor2d(acts, shape)));
    });
  }
  return out;
}

const orNull = (r: number): number | null => (Number.isNaN(r) ? null : Math.round(r * 1e6) / 1e6);
