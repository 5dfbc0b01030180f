/**
 * One number for each response position of a batch: row b holds `width` numbers, of which the first `lengths[b]` are real.
 * What lies beyond is padding; every function says whether it reads it.
 */
export type Grid = Float64Array[];

export const emptyGrid = (rows: number, width: number): Grid =>
  Array.from({ length: rows }, () => new Float64Array(width));

/** The real entries of a grid, row after row, as one vector. */
export function realEntries(grid: Grid, lengths: readonly number[]): Float64Array {
  const out = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const [b, length] of lengths.entries()) {
    out.set((grid[b] as Float64Array).subarray(0, length), at);
    at += length;
  }
  return out;
}

/** The inverse of `realEntries`: padding is 0. */
export function toGrid(entries: ArrayLike<number>, lengths: readonly number[]): Grid {
  const grid = emptyGrid(lengths.length, Math.max(0, ...lengths));
  let at = 0;
  for (const [b, length] of lengths.entries()) {
    const row = grid[b] as Float64Array;
    for (let t = 0; t < length; t++) row[t] = entries[at++] as number;
  }
  return grid;
}

/** A copy with zeros as padding. */
export function masked(grid: Grid, lengths: readonly number[]): Grid {
  return grid.map((row, b) => row.map((value, t) => (t < (lengths[b] as number) ? value : 0)));
}
