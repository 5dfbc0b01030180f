import { groupJackknife } from '../stats/group-jackknife.ts';
import type { Estimate } from '../stats/types.ts';
import { deadFraction, type Firings, rareFraction } from './metrics/dead-fraction.ts';

/** Features that fire less often than so are called rare. */
const RARE = 1e-3;

const SHARES: Record<string, (firings: Firings) => number> = {
  dead_fraction: deadFraction,
  rare_fraction: (firings) => rareFraction(firings, RARE),
  density_below_1e5: (firings) => rareFraction(firings, 1e-5),
  density_below_1e6: (firings) => rareFraction(firings, 1e-6),
};

/**
 * The shares of features that hardly or never fire, of all groups of texts together, with intervals by leaving out a group
 * at a time. `n` counts positions: the window that every such share depends on.
 */
export function estimateFirings(groups: readonly Firings[]): Record<string, Estimate> {
  const total = totalFirings(groups);
  const others = groups.map((group) => less(total, group));
  return Object.fromEntries(
    Object.entries(SHARES).map(([name, share]) => [
      name,
      groupJackknife(share(total), others.map(share), {
        n: total.rows,
        unit: 'position',
        least: 0,
        most: 1,
      }),
    ]),
  );
}

export function totalFirings(groups: readonly Firings[]): Firings {
  const counts_F = new Float64Array(groups[0]?.counts_F.length ?? 0);
  let rows = 0;
  for (const group of groups) {
    rows += group.rows;
    for (let f = 0; f < counts_F.length; f++) counts_F[f]! += group.counts_F[f]!;
  }
  return { rows, counts_F };
}

const less = (total: Firings, part: Firings): Firings => ({
  rows: total.rows - part.rows,
  counts_F: total.counts_F.map((count, f) => count - part.counts_F[f]!),
});
