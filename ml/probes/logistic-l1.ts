import { CoordinateDescent } from './algebra/coordinate-descent.ts';
import type { Matrix } from './algebra/matrix.ts';
import { type LinearProbe, predict } from './linear-probe.ts';

/**
 * Logistic regression with an L1 penalty: minimises ||w||_1 + C sum_i log(1 + exp(-s_i (w . x_i + b))), s_i = +-1, with b
 * unpenalised: the objective of scikit-learn's LogisticRegression with L1 ratio 1 and the solver saga (liblinear penalises b
 * too).
 *
 * Proximal Newton: the loss is replaced by its second-order expansion, the penalised expansion minimised by coordinate
 * descent, and the step shortened until the objective falls enough (Yuan, Ho & Lin, "An Improved GLMNET for L1-regularized
 * Logistic Regression", JMLR 13, 2012).
 */
export interface LogisticL1Options {
  /** The fall of the objective in one step at which it stops, as a share of the objective. Default 1e-14. */
  tolerance?: number;
}

/** No weight of the expansion is smaller than this share of the largest possible one: certain rows stay in the problem. */
const LEAST_WEIGHT = 1e-6;
const STEPS = 200;
const ROUNDS = 1000;

/** Fits along a path of C, from the strongest penalty (smallest C) to the weakest, each from the one before. */
export function logisticL1Path(
  X: Matrix,
  labels: ArrayLike<number>,
  Cs: readonly number[],
  { tolerance = 1e-14 }: LogisticL1Options = {},
): LinearProbe[] {
  if (labels.length !== X.rows) throw new RangeError(`logistic: ${labels.length} labels for ${X.rows} rows`);
  const n = X.rows;
  const positive = Float64Array.from(labels, (label) => Number(Boolean(label)));
  const share = positive.reduce((sum, label) => sum + label / n, 0);
  if (share === 0 || share === 1) throw new RangeError('logistic: all labels are equal');
  const descent = new CoordinateDescent(X);
  let point: LinearProbe = {
    coefficients: new Float64Array(X.columns),
    intercept: Math.log(share / (1 - share)),
  };
  const weights = new Float64Array(n);
  const targets = new Float64Array(n);

  return Cs.map((C) => {
    if (!(C > 0)) throw new RangeError(`logistic: C ${C} is not positive`);
    let odds = predict(point, X);
    let value = C * lossOf(odds, positive) + sizeOf(point.coefficients);
    // Each expansion is solved the more exactly the less the last one gained.
    let fall = value;
    for (let step = 0; step < STEPS; step++) {
      for (let i = 0; i < n; i++) {
        const p = 1 / (1 + Math.exp(-(odds[i] as number)));
        const weight = C * Math.max(p * (1 - p), LEAST_WEIGHT / 4);
        weights[i] = weight;
        targets[i] = (odds[i] as number) + (C * ((positive[i] as number) - p)) / weight;
      }
      descent.coefficients.set(point.coefficients);
      descent.setProblem(weights, targets);
      descent.solve(1, 0, Math.max(1e-3 * fall, 1e-22), ROUNDS);
      const full = { coefficients: descent.coefficients.slice(), intercept: descent.intercept };
      const moved = shortened(X, positive, C, { probe: point, odds, value }, full);
      if (!moved) break;
      fall = value - moved.value;
      ({ probe: point, odds, value } = moved);
      if (fall <= tolerance * value) break;
    }
    return { coefficients: point.coefficients.slice(), intercept: point.intercept };
  });
}

/** The smallest C at which a coefficient is not 0: 1 / max_j |x_j . (label - share of positives)|. */
export function smallestC(X: Matrix, labels: ArrayLike<number>): number {
  const n = X.rows;
  let share = 0;
  for (let i = 0; i < n; i++) share += Number(Boolean(labels[i])) / n;
  const slopes = new Float64Array(X.columns);
  for (let i = 0, at = 0; i < n; i++) {
    const residual = Number(Boolean(labels[i])) - share;
    for (let j = 0; j < X.columns; j++)
      slopes[j] = (slopes[j] as number) + residual * (X.data[at++] as number);
  }
  return 1 / slopes.reduce((most, slope) => Math.max(most, Math.abs(slope)), Number.MIN_VALUE);
}

/** The objective above, for tests and for comparing fits. */
export function logisticL1Objective(
  probe: LinearProbe,
  X: Matrix,
  labels: ArrayLike<number>,
  C: number,
): number {
  const positive = Float64Array.from(labels, (label) => Number(Boolean(label)));
  return C * lossOf(predict(probe, X), positive) + sizeOf(probe.coefficients);
}

interface Point {
  probe: LinearProbe;
  /** Log-odds of all rows. */
  odds: Float64Array;
  value: number;
}

/** The farthest point on the way to `full`, halved time and again, at which the objective is lower; null when none is. */
function shortened(
  X: Matrix,
  positive: Float64Array,
  C: number,
  from: Point,
  full: LinearProbe,
): Point | null {
  const fullOdds = predict(full, X);
  for (let length = 1; length > 1e-8; length /= 2) {
    const between = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Float64Array.from(a, (v, i) => v + length * ((b[i] as number) - v));
    const coefficients =
      length === 1 ? full.coefficients : between(from.probe.coefficients, full.coefficients);
    const intercept = from.probe.intercept + length * (full.intercept - from.probe.intercept);
    const odds = length === 1 ? fullOdds : between(from.odds, fullOdds);
    const value = C * lossOf(odds, positive) + sizeOf(coefficients);
    if (value < from.value) return { probe: { coefficients, intercept }, odds, value };
  }
  return null;
}

/** sum_i log(1 + exp(-s_i odds_i)), without overflow */
function lossOf(odds: Float64Array, positive: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < odds.length; i++) {
    const m = positive[i] ? (odds[i] as number) : -(odds[i] as number);
    sum += m > 0 ? Math.log1p(Math.exp(-m)) : Math.log1p(Math.exp(m)) - m;
  }
  return sum;
}

const sizeOf = (coefficients: Float64Array) => coefficients.reduce((sum, w) => sum + Math.abs(w), 0);
