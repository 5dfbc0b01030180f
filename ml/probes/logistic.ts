import { CompressedRows } from './algebra/compressed-rows.ts';
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
 */
/** Close enough for a control of which only a rank or a sign is read. */
export const ROUGH_TOLERANCE = 1e-4;

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

  const problem = new LogisticProblem(new CompressedRows(X), signs, C);
  const d = X.columns + 1;
  const point = new Float64Array(d);
  let value = problem.moveTo(point);
  const goal = tolerance * largest(problem.gradient);
  for (let s = 0; s < steps && largest(problem.gradient) > goal; s++) {
    const direction = problem.newtonDirection();
    const slope = dot(problem.gradient, direction);
    let length = 1;
    let moved = Number.POSITIVE_INFINITY;
    const next = new Float64Array(d);
    for (; length > 1e-10; length /= 2) {
      for (let j = 0; j < d; j++) next[j] = (point[j] as number) + length * (direction[j] as number);
      moved = problem.valueAt(next);
      if (moved <= value + 1e-4 * length * slope) break;
    }
    if (!(moved < value) && Math.abs(slope) < 1e-12 * Math.max(1, Math.abs(value))) {
      // The objective is flat to rounding: a full step still improves the gradient.
      for (let j = 0; j < d; j++) next[j] = (point[j] as number) + (direction[j] as number);
      const before = largest(problem.gradient);
      problem.moveTo(next);
      if (largest(problem.gradient) < before) point.set(next);
      else break;
      continue;
    }
    if (!(moved < value)) break;
    point.set(next);
    value = problem.moveTo(point);
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
  return new LogisticProblem(new CompressedRows(X), signs, C).valueAt(point);
}

const dot = (a: Float64Array, b: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

const largest = (a: Float64Array) => {
  let most = 0;
  for (const v of a) most = Math.max(most, Math.abs(v));
  return most;
};

/** log(1 + exp(-m)) without overflow. */
const softplusOfMinus = (m: number) => (m > 0 ? Math.log1p(Math.exp(-m)) : Math.log1p(Math.exp(m)) - m);

/** Value, gradient and curvature at one point; the last coordinate is the intercept. */
class LogisticProblem {
  readonly gradient: Float64Array;
  private readonly curvature: Float64Array;

  constructor(
    private readonly X: CompressedRows,
    private readonly signs: Float64Array,
    private readonly C: number,
  ) {
    this.gradient = new Float64Array(X.columns + 1);
    this.curvature = new Float64Array(X.rows);
  }

  private margin(i: number, point: Float64Array): number {
    return (this.X.dot(i, point) + (point[this.X.columns] as number)) * (this.signs[i] as number);
  }

  private penalty(point: Float64Array): number {
    let squares = 0;
    for (let j = 0; j < this.X.columns; j++) squares += (point[j] as number) ** 2;
    return squares / 2;
  }

  valueAt(point: Float64Array): number {
    let loss = 0;
    for (let i = 0; i < this.X.rows; i++) loss += softplusOfMinus(this.margin(i, point));
    return this.penalty(point) + this.C * loss;
  }

  /** Computes gradient and curvature at `point`; returns the value. */
  moveTo(point: Float64Array): number {
    const { X, signs, C, curvature, gradient } = this;
    const D = X.columns;
    gradient.set(point);
    gradient[D] = 0;
    let loss = 0;
    for (let i = 0; i < X.rows; i++) {
      const margin = this.margin(i, point);
      const wrong = 1 / (1 + Math.exp(margin));
      const slope = -C * (signs[i] as number) * wrong;
      loss += softplusOfMinus(margin);
      curvature[i] = C * wrong * (1 - wrong);
      X.add(i, slope, gradient);
      gradient[D] = (gradient[D] as number) + slope;
    }
    return this.penalty(point) + C * loss;
  }

  /** H v */
  private hessianTimes(v: Float64Array, out: Float64Array): void {
    const { X, curvature } = this;
    const D = X.columns;
    const intercept = v[D] as number;
    out.set(v);
    out[D] = 0;
    for (let i = 0; i < X.rows; i++) {
      const weighted = (X.dot(i, v) + intercept) * (curvature[i] as number);
      X.add(i, weighted, out);
      out[D] = (out[D] as number) + weighted;
    }
  }

  private hessianDiagonal(): Float64Array {
    const { X, curvature } = this;
    const out = new Float64Array(X.columns + 1).fill(1);
    let total = 0;
    for (let i = 0; i < X.rows; i++) {
      X.addSquares(i, curvature[i] as number, out);
      total += curvature[i] as number;
    }
    out[X.columns] = Math.max(total, Number.MIN_VALUE);
    return out;
  }

  /** -H^-1 g by preconditioned conjugate gradients, more exact the nearer the optimum is. */
  newtonDirection(): Float64Array {
    const d = this.gradient.length;
    const diagonal = this.hessianDiagonal();
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
    const start = Math.sqrt(dot(residual, residual));
    const goal = Math.min(0.1, Math.sqrt(start)) * start;
    let energy = dot(residual, z);
    for (let iteration = 0; iteration < 2 * d + 20; iteration++) {
      this.hessianTimes(p, hp);
      const step = energy / dot(p, hp);
      if (!Number.isFinite(step)) break;
      for (let j = 0; j < d; j++) {
        direction[j] = (direction[j] as number) + step * (p[j] as number);
        residual[j] = (residual[j] as number) - step * (hp[j] as number);
      }
      if (Math.sqrt(dot(residual, residual)) <= goal) break;
      for (let j = 0; j < d; j++) z[j] = (residual[j] as number) / (diagonal[j] as number);
      const next = dot(residual, z);
      const ratio = next / energy;
      energy = next;
      for (let j = 0; j < d; j++) p[j] = (z[j] as number) + ratio * (p[j] as number);
    }
    return direction;
  }
}
