import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { padded, textItem, tripleItems } from '../ml/activations/items.ts';
import { visitingOrder } from '../ml/activations/order.ts';
import { type ActivationsIndex, type CaptureItem, rowsOf } from '../ml/activations/types.ts';
import { ComputeError } from '../ml/failure.ts';
import type { Tokenizer } from '../ml/models/types.ts';
import type { Triple } from '../ml/triples/types.ts';
import type { ActivationsCaptureParameters } from '../schemas/generated/parameters.ts';
import { readJsonLines } from './json-lines.ts';
import { TextReader } from './text-reader.ts';

/** What a capture runs the model on: made when its turn comes, since all of it may not fit in memory. */
export interface CaptureItems {
  readonly count: number;
  /** Items [from, to). */
  items(from: number, to: number): CaptureItem[];
  readonly source: ActivationsIndex['source'];
}

/** So often a capture that still counts its tokens says that it lives. */
const TEXTS_A_SIGN = 4096;

/**
 * The texts that are visited, cut; in memory is which they are and how long.
 *
 * @param onRows called now and then with the rows found so far
 */
export async function textItems(
  params: ActivationsCaptureParameters,
  tokenizer: Tokenizer,
  maxLength: number,
  seed: number,
  onRows: (rows: number) => void,
): Promise<CaptureItems> {
  const data = params.data as NonNullable<typeof params.data>;
  const faithful = params.protocol === 'faithful';
  const skipped = params['skip-positions'] ?? (faithful ? 0 : 1);
  const reader = await TextReader.open(data.directory);
  const shuffle = faithful ? null : { seed, stream: 'activations.texts' };
  const order = visitingOrder({ total: reader.total, shuffle });
  const itemOf = (text: number) => textItem(reader.text(text), text, tokenizer, { maxLength, skipped });

  const texts = new Int32Array(order.length);
  /** Tokens, padding among them. */
  const lengths = new Int32Array(order.length);
  let count = 0;
  let rows = 0;
  let visited = 0;
  while (visited < order.length && rows < params.tokens) {
    const upTo = faithful ? Math.min(order.length, visited + params.batch) : visited + 1;
    const next = Array.from(order.subarray(visited, upTo), itemOf).filter((item) => item !== null);
    for (const item of faithful && next.length > 0 ? padded(next, tokenizer.padId) : next) {
      texts[count] = item.text;
      lengths[count++] = item.ids.length;
      rows += rowsOf(item);
    }
    if (Math.floor(upTo / TEXTS_A_SIGN) > Math.floor(visited / TEXTS_A_SIGN)) {
      onRows(rows);
      // Lets the message out.
      await setImmediate();
    }
    visited = upTo;
  }
  if (rows === 0) {
    throw new ComputeError('bad-data', `None of the ${reader.total} texts has more than ${skipped} tokens`, {
      hint: 'give longer texts as `data`',
    });
  }
  return {
    count,
    items: (from, to) =>
      Array.from(texts.subarray(from, Math.min(to, count)), (text, i) => {
        const item = itemOf(text) as CaptureItem;
        return padded([item], tokenizer.padId, lengths[from + i])[0] as CaptureItem;
      }),
    source: {
      type: 'texts',
      data: data.digest,
      texts: { total: reader.total, visited, shuffle },
      maxLength,
      skippedPositions: skipped,
      padding: faithful,
    },
  };
}

/** The target words of all triples: there are never many. */
export async function tripleWords(
  params: ActivationsCaptureParameters,
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<CaptureItems> {
  const data = params.triples as NonNullable<typeof params.triples>;
  const pooling = params.protocol === 'faithful' ? 'first' : 'mean';
  const all: CaptureItem[] = [];
  let triples = 0;
  for await (const triple of readJsonLines<Triple>(join(data.directory, 'triples.jsonl'))) {
    all.push(...tripleItems(triple, triples++, tokenizer, { pooling, maxLength }));
  }
  if (triples === 0) throw new ComputeError('bad-data', 'There are no triples to capture');
  return {
    count: all.length,
    items: (from, to) => all.slice(from, to),
    source: { type: 'triples', data: data.digest, maxLength, triples, pooling },
  };
}
