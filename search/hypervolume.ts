import { type Point, paretoFront } from './pareto.ts';

/**
 * The volume that points dominate up to a reference (Zitzler & Thiele, 1998). Points are losses; those not below the reference
 * in every coordinate add nothing. In one and two dimensions by a sweep; beyond by exclusive volumes (While et al., "A Fast
 * Way of Calculating Exact Hypervolumes", WFG, 2012).
 */
export function hypervolume(points: readonly Point[], reference: Point): number {
  const within = points.filter((point) => point.every((value, i) => value < (reference[i] as number)));
  const front = paretoFront(within).map((i) => within[i] as Point);
  if (reference.length === 2) return area(front, reference);
  return volume(front, reference);
}

function area(front: readonly Point[], reference: Point): number {
  const sorted = [...front].sort(
    (a, b) => (a[0] as number) - (b[0] as number) || (a[1] as number) - (b[1] as number),
  );
  let sum = 0;
  let ceiling = reference[1] as number;
  for (const [x, y] of sorted as [number, number][]) {
    if (y >= ceiling) continue;
    sum += ((reference[0] as number) - x) * (ceiling - y);
    ceiling = y;
  }
  return sum;
}

function volume(front: readonly Point[], reference: Point): number {
  let sum = 0;
  for (const [i, point] of front.entries()) {
    const rest = front
      .slice(i + 1)
      .map((other) => other.map((value, k) => Math.max(value, point[k] as number)));
    sum += box(point, reference) - (rest.length > 0 ? hypervolume(rest, reference) : 0);
  }
  return sum;
}

function box(point: Point, reference: Point): number {
  return point.reduce((product, value, i) => product * ((reference[i] as number) - value), 1);
}

/**
 * The indices of `count` points that together have a large hypervolume: greedily, each the one that adds most (Guerreiro et al.,
 * "Greedy Hypervolume Subset Selection in Low Dimensions", 2016), the earlier of equals.
 */
export function largestSubset(points: readonly Point[], reference: Point, count: number): number[] {
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, points.length)) {
    const before = chosen.map((i) => points[i] as Point);
    const sofar = hypervolume(before, reference);
    let best = -1;
    let most = -Infinity;
    for (const [i, point] of points.entries()) {
      if (chosen.includes(i)) continue;
      const added = hypervolume([...before, point], reference) - sofar;
      if (added > most) {
        most = added;
        best = i;
      }
    }
    chosen.push(best);
  }
  return chosen;
}
