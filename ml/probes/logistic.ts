import { CompressedRows } from './algebra/compressed-rows.ts';
import { FloatProducts } from './algebra/float-products.ts';
import { lbfgs } from './algebra/lbfgs.ts';
import type { Matrix } from './algebra/matrix.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * Logistic regression with an L2 penalty: minimises ||w||^2 / 2 + C sum_i log(1 + exp(-s_i (w . x_i + b))), s_i = +-1, with
 * b unpenalised: the objective of scikit-learn's LogisticRegression. Default of the published probe: C 1.
 *
 * Newton's method; each step solved by conjugate gradients with the Hessian's diagonal as preconditioner, so that no D x D
 * matrix is formed, and shortened until the objective falls enough (Lin, Weng & Keerthi, "Trust Region Newton Method for
 * Large-Scale Logistic Regression", JMLR 9, 2008, without the region). Stops when the largest entry of the gradient is
 * below `tolerance` times that at the start (default 1e-10), or when rounding stops all progress.
 *
 * Of large dense X all products but those of the final values and gradients are computed in single precision on the engine
 * (float-products.ts): L-BFGS goes as far as that precision is good for, and Newton's method from there, with values and
 * gradients in double precision and the products of conjugate gradients in single. So the precision of the result does not
 * depend on it.
 */
/** Close enough for a control of which only a rank or a sign is read. */
export const ROUGH_TOLERANCE = 1e-4;

/** Single precision brings the gradient down to about this share of what it was at the start. */
const SINGLE = 1e-4;
/** Rounding of the value in single precision, as a share of it. */
const VALUE_ROUNDING = 1e-6;

export interface LogisticOptions {
  C?: number;
  tolerance?: number;
  steps?: number;
}

/** @param labels 1 or 0, one a row */
export function fitLogistic(
  X: Matrix,
  labels: ArrayLike<number>,
  options: LogisticOptions = {},
): LinearProbe {
  const { C = 1, tolerance = 1e-10, steps = 100 } = options;
  if (!(C > 0)) throw new RangeError(`logistic: C ${C} is not positive`);
  if (labels.length !== X.rows) throw new RangeError(`logistic: ${labels.length} labels for ${X.rows} rows`);
  const signs = Float64Array.from(labels, (label) => (label ? 1 : -1));
  if (!signs.includes(1) || !signs.includes(-1)) throw new RangeError('logistic: all labels are equal');

  const rows = new CompressedRows(X);
  const float = rows.dense ? FloatProducts.of(X) : null;
  try {
    return minimise(new LogisticProblem(rows, signs, C, float), tolerance, steps);
  } finally {
    float?.dispose();
  }
}

function minimise(problem: LogisticProblem, tolerance: number, steps: number): LinearProbe {
  const d = problem.gradient.length;
  const near = problem.approach(tolerance);
  let point = near?.point ?? new Float64Array(d);
  let value = problem.moveTo(point);
  const start = near?.start ?? norm(problem.gradient);
  const goal = tolerance * (near?.steepest ?? largest(problem.gradient));
  for (let s = 0; s < steps && largest(problem.gradient) > goal; s++) {
    const before = norm(problem.gradient);
    // Ever more exact the nearer the optimum is, and never more exact than what is asked for.
    const exact = Math.max(Math.min(0.1, Math.sqrt(before / start)) * before, 0.3 * goal);
    const direction = problem.newtonDirection(exact);
    const slope = dot(problem.gradient, direction);
    const next = new Float64Array(d);
    let moved = Number.POSITIVE_INFINITY;
    for (let length = 1; length > 1e-10; length /= 2) {
      for (let j = 0; j < d; j++) next[j] = (point[j] as number) + length * (direction[j] as number);
      moved = problem.moveTo(next);
      if (moved <= value + 1e-4 * length * slope) break;
      // The objective is flat to rounding: a full step still improves the gradient.
      if (Math.abs(slope) < 1e-12 * Math.max(1, Math.abs(value))) break;
    }
    if (!(moved < value) && !(norm(problem.gradient) < before)) break;
    point = next;
    value = moved;
  }
  return { coefficients: point.slice(0, d - 1), intercept: point[d - 1] as number };
}

/** The objective above, for tests and for comparing fits. */
export function logisticObjective(
  probe: LinearProbe,
  X: Matrix,
  labels: ArrayLike<number>,
  C: number,
): number {
  const signs = Float64Array.from(labels, (label) => (label ? 1 : -1));
  const point = new Float64Array(X.columns + 1);
  point.set(probe.coefficients);
  point[X.columns] = probe.intercept;
  return new LogisticProblem(new CompressedRows(X), signs, C, null).moveTo(point);
}

const dot = (a: Float64Array, b: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

const norm = (a: Float64Array) => Math.sqrt(dot(a, a));

const largest = (a: Float64Array) => {
  let most = 0;
  for (const v of a) most = Math.max(most, Math.abs(v));
  return most;
};

/** log(1 + exp(-m)) without overflow. */
const softplusOfMinus = (m: number) => (m > 0 ? Math.log1p(Math.exp(-m)) : Math.log1p(Math.exp(m)) - m);

function squaresOf(point: Float64Array, count: number): number {
  let squares = 0;
  for (let j = 0; j < count; j++) squares += (point[j] as number) ** 2;
  return squares;
}

function columnSquares(X: CompressedRows): Float64Array {
  const out = new Float64Array(X.columns);
  for (let i = 0; i < X.rows; i++) X.addSquares(i, 1, out);
  return out;
}

/** Value, gradient and curvature at one point; the last coordinate is the intercept. */
class LogisticProblem {
  readonly gradient: Float64Array;
  private readonly curvature: Float64Array;
  private squares: Float64Array | null = null;

  constructor(
    private readonly X: CompressedRows,
    private readonly signs: Float64Array,
    private readonly C: number,
    private readonly float: FloatProducts | null,
  ) {
    this.gradient = new Float64Array(X.columns + 1);
    this.curvature = new Float64Array(X.rows);
  }

  /** Computes gradient and curvature at `point`; returns the value. */
  moveTo(point: Float64Array): number {
    const { X, signs, C, curvature, gradient } = this;
    const D = X.columns;
    const intercept = point[D] as number;
    gradient.set(point);
    let loss = 0;
    let total = 0;
    X.accumulate(
      point,
      (i, product) => {
        const sign = signs[i] as number;
        const margin = (product + intercept) * sign;
        const wrong = 1 / (1 + Math.exp(margin));
        const slope = -C * sign * wrong;
        loss += softplusOfMinus(margin);
        curvature[i] = C * wrong * (1 - wrong);
        total += slope;
        return slope;
      },
      gradient,
    );
    gradient[D] = total;
    return squaresOf(point, D) / 2 + C * loss;
  }

  /**
   * From 0 until the gradient is down to about `tolerance`, or to what single precision is good for; null where that is not
   * used. Beside the point, the length of the gradient at 0 and its largest entry.
   */
  approach(tolerance: number): { point: Float64Array; start: number; steepest: number } | null {
    const { X, float } = this;
    if (!float) return null;
    const d = X.columns + 1;
    const evaluate = (point: Float64Array, gradient: Float64Array) =>
      this.evaluateRoughly(float, point, gradient);
    const first = new Float64Array(d);
    evaluate(new Float64Array(d), first);
    const steepest = largest(first);
    const goal = Math.max(0.8 * tolerance, SINGLE) * steepest;
    const point = lbfgs(new Float64Array(d), evaluate, { goal, rounding: VALUE_ROUNDING });
    return { point, start: norm(first), steepest };
  }

  /** Value and gradient with the products in single precision. */
  private evaluateRoughly(float: FloatProducts, point: Float64Array, gradient: Float64Array): number {
    const { X, signs, C, curvature: slopes } = this;
    const D = X.columns;
    const intercept = point[D] as number;
    const products = float.times(point);
    let loss = 0;
    let total = 0;
    for (let i = 0; i < X.rows; i++) {
      const sign = signs[i] as number;
      const margin = ((products[i] as number) + intercept) * sign;
      loss += softplusOfMinus(margin);
      const slope = (-C * sign) / (1 + Math.exp(margin));
      slopes[i] = slope;
      total += slope;
    }
    const pulled = float.transposeTimes(slopes);
    for (let j = 0; j < D; j++) gradient[j] = (point[j] as number) + (pulled[j] as number);
    gradient[D] = total;
    return squaresOf(point, D) / 2 + C * loss;
  }

  /** out = H v */
  private hessianTimes(v: Float64Array, out: Float64Array): void {
    const { X, curvature, float } = this;
    const D = X.columns;
    const intercept = v[D] as number;
    if (float) {
      out[D] = float.weighedTimes(v, intercept, out);
      for (let j = 0; j < D; j++) out[j] = (out[j] as number) + (v[j] as number);
      return;
    }
    out.set(v);
    let total = 0;
    X.accumulate(
      v,
      (i, product) => {
        const weighted = (product + intercept) * (curvature[i] as number);
        total += weighted;
        return weighted;
      },
      out,
    );
    out[D] = total;
  }

  /** Of large X, as if all rows had the mean curvature: it only preconditions, and saves a pass over X a step. */
  private hessianDiagonal(): Float64Array {
    const { X, curvature, float } = this;
    const out = new Float64Array(X.columns + 1).fill(1);
    let total = 0;
    for (let i = 0; i < X.rows; i++) total += curvature[i] as number;
    if (float) {
      this.squares ??= columnSquares(X);
      for (let j = 0; j < X.columns; j++) out[j] = 1 + (total / X.rows) * (this.squares[j] as number);
    } else {
      for (let i = 0; i < X.rows; i++) X.addSquares(i, curvature[i] as number, out);
    }
    out[X.columns] = Math.max(total, Number.MIN_VALUE);
    return out;
  }

  /** About -H^-1 g by preconditioned conjugate gradients: until the residual is no longer than `exact`. */
  newtonDirection(exact: number): Float64Array {
    const d = this.gradient.length;
    const diagonal = this.hessianDiagonal();
    this.float?.setWeights(this.curvature);
    const direction = new Float64Array(d);
    const residual = new Float64Array(d);
    const z = new Float64Array(d);
    const p = new Float64Array(d);
    const hp = new Float64Array(d);
    for (let j = 0; j < d; j++) {
      residual[j] = -(this.gradient[j] as number);
      z[j] = (residual[j] as number) / (diagonal[j] as number);
    }
    p.set(z);
    let energy = dot(residual, z);
    for (let iteration = 0; iteration < 2 * d + 20; iteration++) {
      this.hessianTimes(p, hp);
      const step = energy / dot(p, hp);
      if (!Number.isFinite(step)) break;
      for (let j = 0; j < d; j++) {
        direction[j] = (direction[j] as number) + step * (p[j] as number);
        residual[j] = (residual[j] as number) - step * (hp[j] as number);
      }
      if (norm(residual) <= exact) break;
      for (let j = 0; j < d; j++) z[j] = (residual[j] as number) / (diagonal[j] as number);
      const next = dot(residual, z);
      const ratio = next / energy;
      energy = next;
      for (let j = 0; j < d; j++) p[j] = (z[j] as number) + ratio * (p[j] as number);
    }
    return direction;
  }
}
