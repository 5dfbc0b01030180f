/** Points are losses: smaller is better in every coordinate. */
export type Point = readonly number[];

/** Whether a is nowhere worse than b and somewhere better. */
export function dominates(a: Point, b: Point): boolean {
  let better = false;
  for (const [i, value] of a.entries()) {
    if (value > (b[i] as number)) return false;
    if (value < (b[i] as number)) better = true;
  }
  return better;
}

/** The indices of the points that no other dominates, ascending; equal points are all there. */
export function paretoFront(points: readonly Point[]): number[] {
  return points.flatMap((point, i) => (points.some((other) => dominates(other, point)) ? [] : [i]));
}

/** Non-domination ranks (Deb et al., NSGA-II, 2002): 0 for the front, 1 for the front of the rest ... */
export function nonDominationRanks(points: readonly Point[]): Int32Array {
  const ranks = new Int32Array(points.length).fill(-1);
  let left = points.map((_, i) => i);
  for (let rank = 0; left.length > 0; rank++) {
    const front = new Set(paretoFront(left.map((i) => points[i] as Point)).map((at) => left[at] as number));
    for (const i of front) ranks[i] = rank;
    left = left.filter((i) => !front.has(i));
  }
  return ranks;
}
