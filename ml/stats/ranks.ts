/** Ranks of values, for rank correlations. NaN cannot be ranked and is an error. */

function order(values: ArrayLike<number>): Int32Array {
  const rows = Int32Array.from({ length: values.length }, (_, i) => i);
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) throw new RangeError(`ranks: value ${i} is not a number`);
  }
  return rows.sort((a, b) => (values[a] as number) - (values[b] as number) || a - b);
}

/** Ranks 0, 1, 2 ... in which equal values share one, and how many levels there are. */
export function denseRanks(values: ArrayLike<number>): [ranks: Int32Array, levels: number] {
  const ranks = new Int32Array(values.length);
  let level = -1;
  let previous = Number.NaN;
  for (const row of order(values)) {
    const value = values[row] as number;
    if (value !== previous) level++;
    previous = value;
    ranks[row] = level;
  }
  return [ranks, level + 1];
}

/** Ranks 1 .. n in which equal values share their mean rank. */
export function midRanks(values: ArrayLike<number>): Float64Array {
  const rows = order(values);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < rows.length; ) {
    let end = start + 1;
    while (end < rows.length && values[rows[end] as number] === values[rows[start] as number]) end++;
    for (let i = start; i < end; i++) ranks[rows[i] as number] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}
