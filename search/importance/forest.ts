import type { RandomStream } from '../../ml/random/stream.ts';

/**
 * A random forest of regression trees (Breiman, "Random Forests", 2001), kept as what its leaves cover: each tree cuts the space into boxes
 * with a value each. Trees are grown on bootstrap samples until their leaves are pure; every split is the one that lowers the squared
 * error most, over all coordinates. Categories are ordered by their mean in the node and cut like numbers, which is the best
 * split into two groups (Breiman et al., CART, 1984, theorem 4.5).
 */
export interface Leaf {
  value: number;
  /** One side a coordinate. */
  box: readonly Side[];
}

/** What part of a coordinate: an interval of [0, 1], or some of the categories. */
export type Side = { low: number; high: number } | { members: readonly boolean[] };

export interface Data {
  /** Rows of coordinates: numbers in [0, 1], categories their index. */
  points: readonly ArrayLike<number>[];
  values: ArrayLike<number>;
  /** The number of categories of each coordinate; 0 for numbers. */
  categories: readonly number[];
}

export function growForest(data: Data, trees: number, draws: RandomStream): Leaf[][] {
  const n = data.points.length;
  const whole: Side[] = data.categories.map((count) =>
    count > 0 ? { members: new Array<boolean>(count).fill(true) } : { low: 0, high: 1 },
  );
  return Array.from({ length: trees }, () => {
    const rows = Array.from({ length: n }, () => draws.integer(n));
    const leaves: Leaf[] = [];
    grow(data, rows, whole, leaves);
    return leaves;
  });
}

function grow(data: Data, rows: readonly number[], box: readonly Side[], leaves: Leaf[]): void {
  const split = bestSplit(data, rows, box);
  if (!split) {
    const sum = rows.reduce((total, row) => total + (data.values[row] as number), 0);
    leaves.push({ value: sum / rows.length, box });
    return;
  }
  const { coordinate, sides, goesLeft } = split;
  for (const [i, side] of sides.entries()) {
    const part = rows.filter((row) => goesLeft(data.points[row]?.[coordinate] as number) === (i === 0));
    grow(data, part, box.with(coordinate, side), leaves);
  }
}

interface Split {
  coordinate: number;
  sides: [Side, Side];
  goesLeft: (at: number) => boolean;
}

/** Null where nothing can be gained. */
function bestSplit(data: Data, rows: readonly number[], box: readonly Side[]): Split | null {
  const first = data.values[rows[0] as number];
  if (rows.every((row) => data.values[row] === first)) return null;
  let best: Split | null = null;
  let most = -Infinity;
  for (const [coordinate, side] of box.entries()) {
    const order = 'members' in side ? orderOfCategories(data, rows, coordinate) : null;
    const keyed = rows
      .map((row) => {
        const at = data.points[row]?.[coordinate] as number;
        return { key: order ? (order[at] as number) : at, value: data.values[row] as number };
      })
      .sort((a, b) => a.key - b.key);
    const total = keyed.reduce((sum, { value }) => sum + value, 0);
    let left = 0;
    for (let i = 1; i < keyed.length; i++) {
      const [before, after] = [keyed[i - 1], keyed[i]] as [(typeof keyed)[0], (typeof keyed)[0]];
      left += before.value;
      if (before.key === after.key) continue;
      // The squared error falls by what this is larger than total^2 / n.
      const gain = (left * left) / i + (total - left) ** 2 / (keyed.length - i);
      if (gain <= most) continue;
      most = gain;
      best = splitAt(coordinate, side, order, (before.key + after.key) / 2);
    }
  }
  return best;
}

function splitAt(coordinate: number, side: Side, order: Float64Array | null, cut: number): Split {
  if (!('members' in side) || !order) {
    const { low, high } = side as { low: number; high: number };
    const sides: [Side, Side] = [
      { low, high: cut },
      { low: cut, high },
    ];
    return { coordinate, sides, goesLeft: (at) => at <= cut };
  }
  const goesLeft = (at: number) => (order[at] as number) <= cut;
  const sides: [Side, Side] = [
    { members: side.members.map((member, at) => member && goesLeft(at)) },
    { members: side.members.map((member, at) => member && !goesLeft(at)) },
  ];
  return { coordinate, sides, goesLeft };
}

/** The mean of each category in the node; of those not seen there, the mean of all. */
function orderOfCategories(
  { points, values, categories }: Data,
  rows: readonly number[],
  coordinate: number,
): Float64Array {
  const count = categories[coordinate] as number;
  const sums = new Float64Array(count);
  const seen = new Float64Array(count);
  let total = 0;
  for (const row of rows) {
    const at = points[row]?.[coordinate] as number;
    sums[at] = (sums[at] as number) + (values[row] as number);
    seen[at] = (seen[at] as number) + 1;
    total += values[row] as number;
  }
  return sums.map((sum, at) => (seen[at] ? sum / (seen[at] as number) : total / rows.length));
}
