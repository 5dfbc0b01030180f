/**
 * The assignment of rows to distinct columns with the largest sum of scores (the linear sum assignment problem), by
 * shortest augmenting paths (Jonker & Volgenant 1987; Crouse 2016), O(rows^2 columns). As many rows as columns at most.
 *
 * @param score_RC row-major
 * @returns the column of each row
 */
export function bestAssignment(score_RC: ArrayLike<number>, R: number, C: number): Int32Array {
  if (R > C) throw new RangeError(`bestAssignment: ${R} rows cannot have distinct ones of ${C} columns`);
  const rowPrice = new Float64Array(R);
  const columnPrice = new Float64Array(C);
  const rowOf = new Int32Array(C).fill(-1);
  const columnOf = new Int32Array(R).fill(-1);
  const shortest = new Float64Array(C);
  const previous = new Int32Array(C);
  const done = new Uint8Array(C);
  for (let start = 0; start < R; start++) {
    shortest.fill(Number.POSITIVE_INFINITY);
    done.fill(0);
    const visitedRows: number[] = [];
    let row = start;
    let reached = 0;
    let sink = -1;
    while (sink < 0) {
      visitedRows.push(row);
      let lowest = Number.POSITIVE_INFINITY;
      let next = -1;
      for (let column = 0; column < C; column++) {
        if (done[column]) continue;
        // Costs are negated scores.
        const through = reached - score_RC[row * C + column]! - rowPrice[row]! - columnPrice[column]!;
        if (through < shortest[column]!) {
          shortest[column] = through;
          previous[column] = row;
        }
        const better = shortest[column]! < lowest || (shortest[column] === lowest && rowOf[column] === -1);
        if (better) {
          lowest = shortest[column]!;
          next = column;
        }
      }
      if (!Number.isFinite(lowest)) throw new RangeError('bestAssignment: scores must be finite numbers');
      reached = lowest;
      done[next] = 1;
      if (rowOf[next] === -1) sink = next;
      else row = rowOf[next]!;
    }
    rowPrice[start]! += reached;
    for (const visited of visitedRows) {
      if (visited !== start) rowPrice[visited]! += reached - shortest[columnOf[visited]!]!;
    }
    for (let column = 0; column < C; column++)
      if (done[column]) columnPrice[column]! -= reached - shortest[column]!;
    for (let column = sink; ; ) {
      const from = previous[column]!;
      rowOf[column] = from;
      const freed = columnOf[from]!;
      columnOf[from] = column;
      if (from === start) break;
      column = freed;
    }
  }
  return columnOf;
}
