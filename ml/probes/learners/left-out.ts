import { type Matrix, takeRows } from '../algebra/matrix.ts';
import { type LinearProbe, predict } from '../linear-probe.ts';

/** The rows of each group, and all others. */
function splits(groups: ArrayLike<number | string>): { own: number[]; others: number[] }[] {
  const byLabel = new Map<number | string, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const label = groups[i] as number | string;
    const rows = byLabel.get(label);
    if (rows) rows.push(i);
    else byLabel.set(label, [i]);
  }
  if (byLabel.size < 2) throw new RangeError('left out: one group alone cannot be left out');
  return [...byLabel].map(([label, own]) => ({
    own,
    others: Array.from(groups, (_, i) => i).filter((i) => groups[i] !== label),
  }));
}

/**
 * Predictions of every row by probes that were fitted without its group: one array for each probe of the path that `fitPath`
 * gives.
 */
export function leftOutPredictions(
  X: Matrix,
  groups: ArrayLike<number | string>,
  fitPath: (X: Matrix, rows: readonly number[]) => LinearProbe[],
): Float64Array[] {
  let all: Float64Array[] | undefined;
  for (const { own, others } of splits(groups)) {
    const path = fitPath(takeRows(X, others), others);
    const read = takeRows(X, own);
    const out = all ?? path.map(() => new Float64Array(X.rows));
    all = out;
    path.forEach((probe, p) => {
      predict(probe, read).forEach((prediction, i) => {
        (out[p] as Float64Array)[own[i] as number] = prediction;
      });
    });
  }
  return all as Float64Array[];
}

/** Which array of predictions has the smallest mean loss; of equal ones the first. */
export function leastLoss(
  predictions: readonly Float64Array[],
  loss: (prediction: number, row: number) => number,
): number {
  let best = { at: 0, loss: Number.POSITIVE_INFINITY };
  predictions.forEach((own, at) => {
    const sum = own.reduce((total, prediction, row) => total + loss(prediction, row), 0);
    if (sum < best.loss) best = { at, loss: sum };
  });
  return best.at;
}

/** `count` numbers from `first` to `last`, by equal factors. */
export function geometric(first: number, last: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * (last / first) ** (i / (count - 1)));
}
