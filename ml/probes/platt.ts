/**
 * Platt's calibration: the probability that a score stands for, 1 / (1 + exp(-(slope score + intercept))), by maximum
 * likelihood on scores of rows that the scorer was not fitted on, with the labels pulled in from 0 and 1 to
 * 1 / (n- + 2) and (n+ + 1) / (n+ + 2), which keeps the slope finite (J. Platt, 1999; Lin, Lin & Weng, "A note on Platt's
 * probabilistic outputs", Mach. Learn. 68, 2007). Equal to scikit-learn's sigmoid calibration.
 */
export interface Platt {
  slope: number;
  intercept: number;
}

const STEPS = 100;

export function fitPlatt(scores: ArrayLike<number>, labels: ArrayLike<number>): Platt {
  let positives = 0;
  for (let i = 0; i < labels.length; i++) positives += Number(Boolean(labels[i]));
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (labels.length - positives + 2);
  const target = (i: number) => (labels[i] ? high : low);
  const lossAt = ({ slope, intercept }: Platt) => {
    let sum = 0;
    for (let i = 0; i < scores.length; i++) {
      const odds = slope * (scores[i] as number) + intercept;
      sum += Math.max(odds, 0) + Math.log1p(Math.exp(-Math.abs(odds))) - target(i) * odds;
    }
    return sum;
  };
  let point: Platt = { slope: 0, intercept: Math.log((positives + 1) / (labels.length - positives + 1)) };
  let loss = lossAt(point);
  for (let step = 0; step < STEPS; step++) {
    // Gradient and Hessian of the two parameters, with a grain of the identity for scores that are all alike.
    let [gs, gi, ss, si, ii] = [0, 0, 1e-12, 0, 1e-12];
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] as number;
      const p = probabilityOf(score, point);
      const error = p - target(i);
      gs += error * score;
      gi += error;
      ss += p * (1 - p) * score * score;
      si += p * (1 - p) * score;
      ii += p * (1 - p);
    }
    if (Math.max(Math.abs(gs), Math.abs(gi)) < 1e-10) break;
    const det = ss * ii - si * si;
    const ds = -(ii * gs - si * gi) / det;
    const di = -(ss * gi - si * gs) / det;
    let length = 1;
    let next = point;
    let fallen = loss;
    for (; length > 1e-10; length /= 2) {
      next = { slope: point.slope + length * ds, intercept: point.intercept + length * di };
      fallen = lossAt(next);
      if (fallen < loss) break;
    }
    if (!(fallen < loss)) break;
    point = next;
    loss = fallen;
  }
  return point;
}

export const probabilityOf = (score: number, { slope, intercept }: Platt): number =>
  1 / (1 + Math.exp(-(slope * score + intercept)));
