import { ComputeError } from '../failure.ts';
import type { Ratings, Triple } from '../triples/types.ts';
import type { ProbeRow } from './types.ts';

/**
 * Two rows a triple, its positive and its negative target; the neutral one only gives the published probe its targets.
 * @throws ComputeError bad-data when the feedback does not rate a word, or rates it on the wrong side
 */
export function probeRows(triples: readonly Triple[], ratings: Ratings): ProbeRow[] {
  const rows = triples.flatMap((triple, index) =>
    (['positive', 'negative'] as const).map((member): ProbeRow => {
      const word = triple.words[member].toLowerCase();
      const value = ratings.value(word);
      if (member === 'positive' ? !(value > 0) : !(value < 0)) {
        throw new ComputeError(
          'bad-data',
          `${triple.id}: the feedback gives its ${member} word "${word}" ${value}`,
          {
            hint: 'build the triples with the same feedback as the probes: `feedback` of triples.build and probe.fit',
          },
        );
      }
      return { triple: index, member, word, value, fold: triple.fold, split: triple.split };
    }),
  );
  if (rows.length === 0) throw new ComputeError('bad-data', 'there are no triples to probe');
  return rows;
}

/** Where the rows of a triple stand among the captured ones: positive, neutral, negative. */
export const captureRow = (triple: number, member: 'positive' | 'neutral' | 'negative'): number =>
  3 * triple + (member === 'positive' ? 0 : member === 'neutral' ? 1 : 2);
