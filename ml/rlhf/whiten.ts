import { mean, variance } from './moments.ts';
import { type Grid, realEntries } from './response-grid.ts';

/**
 * (x - mu) / sqrt(var + 1e-8), with mu and var (Bessel-corrected) over the real entries. `keepMean` adds mu back.
 * Padding is transformed like the rest, as in TRL 0.7.11, `masked_whiten`.
 */
export function whiten(grid: Grid, lengths: readonly number[], options: { keepMean: boolean }): Grid {
  const real = realEntries(grid, lengths);
  const centre = mean(real);
  const scale = 1 / Math.sqrt(variance(real) + 1e-8);
  const shift = options.keepMean ? centre : 0;
  return grid.map((row) => row.map((x) => (x - centre) * scale + shift));
}
