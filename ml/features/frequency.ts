import type { RandomStream } from '../random/stream.ts';
import { bootstrapMany } from '../stats/bootstrap.ts';
import type { Estimate } from '../stats/types.ts';

/** How much of each set of features is active at each point (a target word in its context), 0 to 1. Aligned by point. */
export interface Firing {
  flagged: Float64Array;
  all: Float64Array;
  /** One a draw of features of like density. */
  matched: Float64Array[];
}

export interface Frequencies {
  rate_flagged: Estimate;
  rate_all: Estimate;
  rate_flagged_low: Estimate;
  ratio_all: Estimate;
  rate_matched: Estimate;
  ratio_matched: Estimate;
  selectivity: Estimate;
}

/**
 * Table 7 of the paper: the rate |{(s, f) : f(s) > 0}| / (|S| |F|) at high points S of the flagged features F, against that of
 * all features; and, corrected, against features of like density, and against the same at the other points.
 * Intervals by the bootstrap over words: points of one word are not independent. `p_value` of `ratio_matched` is the share of
 * draws, the flagged features among them, that are active at least as often at high points.
 *
 * @param words one a point
 */
export function frequencies(
  firing: Firing,
  high: readonly boolean[],
  words: readonly string[],
  stream: RandomStream,
): Frequencies {
  const matched = firing.flagged.map(
    (_, i) => firing.matched.reduce((sum, draw) => sum + (draw[i] as number), 0) / firing.matched.length,
  );
  const names = [
    'rate_flagged',
    'rate_all',
    'rate_flagged_low',
    'ratio_all',
    'rate_matched',
    'ratio_matched',
    'selectivity',
  ] as const;
  const estimates = bootstrapMany(
    high.length,
    names.length,
    (rows, out) => {
      const rate = (of: Float64Array, wanted: boolean) => {
        let sum = 0;
        let count = 0;
        for (const row of rows) {
          if (high[row] !== wanted) continue;
          sum += of[row] as number;
          count++;
        }
        return sum / count;
      };
      const flagged = rate(firing.flagged, true);
      const all = rate(firing.all, true);
      const low = rate(firing.flagged, false);
      const control = rate(matched, true);
      const controlLow = rate(matched, false);
      out.set([flagged, all, low, flagged / all, control, flagged / control]);
      out[6] = flagged / low / (control / controlLow);
    },
    { stream, unit: 'word', clusters: words },
  );
  const named = Object.fromEntries(names.map((name, k) => [name, estimates[k]])) as unknown as Frequencies;
  const rateHigh = (of: Float64Array) => of.reduce((sum, value, i) => sum + (high[i] ? value : 0), 0);
  const own = rateHigh(firing.flagged);
  const asOften = firing.matched.filter((draw) => rateHigh(draw) >= own).length;
  return {
    ...named,
    ratio_matched: {
      ...named.ratio_matched,
      p_value: (1 + asOften) / (1 + firing.matched.length),
    },
  };
}

/** The `share` of points with the highest predictions within each stratum; of equal ones, the earlier. */
export function highestWithin(
  predictions: ArrayLike<number>,
  strata: readonly number[],
  share: number,
): boolean[] {
  const high = new Array<boolean>(strata.length).fill(false);
  for (const stratum of new Set(strata)) {
    const members = strata.flatMap((own, i) => (own === stratum ? [i] : []));
    members.sort((a, b) => (predictions[b] as number) - (predictions[a] as number) || a - b);
    for (const i of members.slice(0, Math.round(share * members.length))) high[i] = true;
  }
  return high;
}
