import type { HookSite } from '../models/types.ts';

/** Shapes in names: R rows (one a captured position), D width. */

/**
 * activations.json, the index of an `activations` artifact. Beside it lie
 *
 *   rows-<shard>.safetensors                   I32 `token`, `text`, `position`: where each row came from; row i is the same
 *                                              everywhere
 *   <site>-<layer>-<shard>.safetensors         F32 or F16 `acts` [rows of the shard, D]
 *   statistics.safetensors                     F32 [D] `mean.<site>.<layer>`
 */
export interface ActivationsIndex {
  format: 2;
  /** D */
  width: number;
  /** R */
  rows: number;
  /** How activations are stored; statistics are of what is stored. */
  dtype: StoredDtype;
  captures: CaptureIndex[];
  origins: ShardIndex[];
  /** Digest of the model artifact. */
  model: string;
  source: (TextSource | TripleSource) & {
    /** Longer texts were cut to so many tokens. */
    maxLength: number;
  };
}

export type StoredDtype = 'f32' | 'f16';

/** A place in the model: the site of a layer, from 0. */
export interface Place {
  site: HookSite;
  layer: number;
}

/** What one place gave. */
export interface CaptureIndex extends Place {
  /** mean over rows of ||x||^2 */
  meanSquareNorm: number;
  /** 1 / sqrt(meanSquareNorm): what to multiply by for a mean square norm of 1. */
  scale: number;
  shards: ShardIndex[];
}

/** All shards but the last have as many rows. */
export interface ShardIndex {
  file: string;
  rows: number;
  sha256: string;
}

/** Rows are all kept positions of texts, text after text in the visiting order. */
export interface TextSource {
  type: 'texts';
  /** Digest of the texts artifact. */
  data: string;
  texts: TextSelection;
  /** So many positions at the start of each text were left out. */
  skippedPositions: number;
  /** Whether padding was captured too, as the published code did: its rows have a position beyond the text's end. */
  padding: boolean;
}

/** Rows are triple after triple, each as positive, neutral, negative: row 3i is the positive text of triple i. */
export interface TripleSource {
  type: 'triples';
  /** Digest of the triples artifact. */
  data: string;
  triples: number;
  /** The mean over the pieces of the target word, or its first piece. */
  pooling: 'mean' | 'first';
  /** Captured for a control of probes, beside what was asked for: absent when it was asked for. */
  control?: Place;
}

/** The texts that a capture visited: the first `visited` of the order that `visitingOrder` gives for `total` texts. */
export interface TextSelection {
  total: number;
  visited: number;
  /** null: the file's order. */
  shuffle: { seed: number; stream: string } | null;
}

/** A stretch of one token sequence to run the model on, and which of its positions to keep. */
export interface CaptureItem {
  ids: Int32Array;
  /** First and one past the last position kept. */
  from: number;
  to: number;
  /** One row for all of them, their mean, instead of one each. */
  pooled: boolean;
  /** Index of the text or triple that it came from. */
  text: number;
}

/** How many rows an item gives. */
export const rowsOf = (item: CaptureItem): number => (item.pooled ? 1 : item.to - item.from);
