import type { MiniBatch } from './ppo-update.ts';
import { type Grid, realEntries } from './response-grid.ts';
import type { TokenRecords } from './rollout.ts';
import type { Sequence } from './sequences.ts';

/** A whole batch: sequences, what the rollout recorded of them, and what the updates aim at. */
export interface Batch {
  sequences: readonly Sequence[];
  records: TokenRecords;
  advantages: Grid;
  returns: Grid;
}

/** The mini-batch of some rows of a batch, in the given order. */
export function miniBatch(
  { sequences, records, advantages, returns }: Batch,
  rows: ArrayLike<number>,
): MiniBatch {
  const { lengths } = records;
  const pick = <T>(all: readonly T[]): T[] => Array.from(rows, (row) => all[row] as T);
  return {
    sequences: pick(sequences),
    oldLogProbs: entriesOfRows(records.logProbs, lengths, rows),
    oldValues: entriesOfRows(records.values, lengths, rows),
    advantages: realEntries(pick(advantages), pick(lengths)),
    returns: realEntries(pick(returns), pick(lengths)),
  };
}

/** The entries of some rows, in their order, of a vector that holds `lengths[b]` entries for each row b. */
export function entriesOfRows(
  entries: Float64Array,
  lengths: readonly number[],
  rows: ArrayLike<number>,
): Float64Array {
  const starts = startsOf(lengths);
  return concatenate(
    Array.from(rows, (row) => {
      const start = starts[row] as number;
      return entries.subarray(start, start + (lengths[row] as number));
    }),
  );
}

/** Where the tokens of each row begin in a vector of all tokens. */
function startsOf(lengths: readonly number[]): number[] {
  let start = 0;
  return lengths.map((length) => {
    start += length;
    return start - length;
  });
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
