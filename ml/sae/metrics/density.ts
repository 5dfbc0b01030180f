import type { Firings } from './dead-fraction.ts';

/** The distribution of features over how often they fire. */
export interface DensityHistogram {
  /** Edges in log10(frequency + 1e-10), ascending: bin i is [edges[i], edges[i + 1]). */
  edges: number[];
  /** Features in each bin. */
  counts: number[];
  /** Share of features that fire less often than so. */
  below1e5: number;
  below1e6: number;
}

const LOWEST = -10;
const BINS_PER_DECADE = 4;

/** Features by log10(frequency + 1e-10), a quarter of a decade a bin, from 1e-10 (never) to 1 (always). */
export function densityHistogram({ rows, counts_F }: Firings): DensityHistogram {
  const bins = -LOWEST * BINS_PER_DECADE;
  const counts = new Array<number>(bins).fill(0);
  let below1e5 = 0;
  let below1e6 = 0;
  for (const count of counts_F) {
    const frequency = count / rows;
    const bin = Math.floor((Math.log10(frequency + 1e-10) - LOWEST) * BINS_PER_DECADE);
    counts[Math.min(bins - 1, Math.max(0, bin))]!++;
    if (frequency < 1e-5) below1e5++;
    if (frequency < 1e-6) below1e6++;
  }
  return {
    edges: Array.from({ length: bins + 1 }, (_, i) => LOWEST + i / BINS_PER_DECADE),
    counts,
    below1e5: below1e5 / counts_F.length,
    below1e6: below1e6 / counts_F.length,
  };
}
