import { captureItems } from '../../activations/capture.ts';
import { padded } from '../../activations/items.ts';
import type { CaptureItem, Place } from '../../activations/types.ts';
import type { LanguageModel, Tokenizer } from '../../models/types.ts';
import type { TokenPair, TokenSequence } from '../../preferences/token-pairs.ts';
import type { PreferencePair } from '../../preferences/types.ts';
import type { Matrix } from '../algebra/matrix.ts';

/** Activations of responses: two rows a pair, the preferred one first. */
export interface ResponseOptions {
  model: LanguageModel;
  places: readonly Place[];
  /** Responses run at once. */
  batch: number;
  padId: number;
}

/** The mean over the tokens of each response, read after its prompt: [2 N, D of all places]. */
export function responsesInContext(pairs: readonly TokenPair[], options: ResponseOptions): Matrix {
  const item = ({ ids, promptLength }: TokenSequence): CaptureItem => {
    return { ids, from: promptLength, to: ids.length, pooled: true, text: 0 };
  };
  return captured(
    pairs.flatMap(({ chosen, rejected }) => [item(chosen), item(rejected)]),
    options,
  );
}

/** How the published analysis read responses, each mistake by itself (Marks et al. 2024: their notebooks, not the paper). */
export interface PublishedReading {
  /** `pad_mean`: texts are padded to the longest of their batch, and the mean is over padding too. */
  padMean: boolean;
  /** `max_tokens: 16`: rejected responses end after so many tokens, as those did that were written anew for the analysis. */
  rejectedTokens: number | null;
}

/** Responses alone, without their prompts, cut to `maxTokens`; batches hold one class only, as published. */
export function responsesAlone(
  pairs: readonly PreferencePair[],
  tokenizer: Tokenizer,
  { padMean, rejectedTokens }: PublishedReading,
  maxTokens: number,
  options: ResponseOptions,
): Matrix {
  const item = (text: string, most: number): CaptureItem => {
    const ids = tokenizer.encode(text).slice(0, most);
    // A response of no tokens is the one token that models begin with.
    const some = ids.length > 0 ? ids : [tokenizer.bosId ?? tokenizer.eosId ?? options.padId];
    return { ids: Int32Array.from(some), from: 0, to: some.length, pooled: true, text: 0 };
  };
  const chosen = pairs.map((pair) => item(pair.chosen, maxTokens));
  const rejected = pairs.map((pair) => item(pair.rejected, Math.min(maxTokens, rejectedTokens ?? maxTokens)));
  const read = (items: CaptureItem[]) =>
    padMean ? inBatches(items, options.batch).flatMap((batch) => padded(batch, options.padId)) : items;
  const [first, second] = [captured(read(chosen), options), captured(read(rejected), options)];
  const columns = first.columns;
  const data = new Float64Array(2 * pairs.length * columns);
  for (let i = 0; i < pairs.length; i++) {
    data.set(rowOf(first, i), 2 * i * columns);
    data.set(rowOf(second, i), (2 * i + 1) * columns);
  }
  return { rows: 2 * pairs.length, columns, data };
}

const rowOf = ({ data, columns }: Matrix, row: number) =>
  (data as Float64Array).subarray(row * columns, (row + 1) * columns);

function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, b) =>
    items.slice(b * size, (b + 1) * size),
  );
}

/** One row an item, the places side by side. */
function captured(items: readonly CaptureItem[], { model, places, batch, padId }: ResponseOptions): Matrix {
  const D = model.width;
  const columns = places.length * D;
  const data = new Float64Array(items.length * columns);
  captureItems(items, { model, places, batch, padId }).forEach((acts_ND, place) => {
    for (let n = 0; n < items.length; n++)
      data.set(acts_ND.subarray(n * D, (n + 1) * D), n * columns + place * D);
  });
  return { rows: items.length, columns, data };
}
