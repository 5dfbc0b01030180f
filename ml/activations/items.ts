import { ComputeError } from '../failure.ts';
import type { Tokenizer } from '../models/types.ts';
import { MEMBERS, type Triple } from '../triples/types.ts';
import { tokensOfSpan } from './align.ts';
import type { CaptureItem } from './types.ts';

export interface TextItemOptions {
  /** Texts are cut to so many tokens. */
  maxLength: number;
  /** So many positions at the start of each text are left out: they attend to nothing and have outlying activations. */
  skipped: number;
}

/** All positions of a text, or null when none is left. */
export function textItem(
  text: string,
  index: number,
  tokenizer: Tokenizer,
  options: TextItemOptions,
): CaptureItem | null {
  const ids = Int32Array.from(tokenizer.encode(text).slice(0, options.maxLength));
  if (ids.length <= options.skipped) return null;
  return { ids, from: options.skipped, to: ids.length, pooled: false, text: index };
}

/**
 * As the published code captured: texts padded at the end to the longest of their batch, and every position kept, padding
 * included.
 *
 * @param length in tokens, instead of the longest's
 */
export function padded(
  items: readonly CaptureItem[],
  padId: number,
  length = Math.max(...items.map((item) => item.ids.length)),
): CaptureItem[] {
  return items.map((item) => {
    const ids = new Int32Array(length).fill(padId);
    ids.set(item.ids);
    return { ...item, ids, to: length };
  });
}

export interface TripleItemOptions {
  /** Which pieces of the target word: their mean, or the first. */
  pooling: 'mean' | 'first';
  maxLength: number;
}

/**
 * The target words of a triple: positive, neutral, negative. What follows a target is cut off, since it cannot change its
 * activations; what stands more than `maxLength` tokens before its end is cut off too.
 * @throws ComputeError bad-data when a span shares no token with its text
 */
export function tripleItems(
  triple: Triple,
  index: number,
  tokenizer: Tokenizer,
  options: TripleItemOptions,
): CaptureItem[] {
  return MEMBERS.map((member) => {
    const { ids, offsets } = tokenizer.encodeWithOffsets(triple.texts[member]);
    const found = tokensOfSpan(offsets, triple.spans[member]);
    if (!found || found.to - found.from > options.maxLength) {
      throw new ComputeError(
        'bad-data',
        `Triple ${triple.id}: ${JSON.stringify(triple.words[member])} (${member}) is in no token of this model`,
        {
          hint: 'build the triples with a model that has the same tokenizer: `model` of the triples.build step',
        },
      );
    }
    const start = Math.max(0, found.to - options.maxLength);
    const from = found.from - start;
    const to = options.pooling === 'first' ? from + 1 : found.to - start;
    return { ids: Int32Array.from(ids.slice(start, start + to)), from, to, pooled: true, text: index };
  });
}
