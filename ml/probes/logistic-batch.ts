import type * as tf from '@tensorflow/tfjs';
import { isNative, tensorflow } from '../engine/engine.ts';
import { type Matrix, takeRows, transposeTimes } from './algebra/matrix.ts';
import { finite, newtonDirections, type Rows, SharedTensors } from './batched-newton.ts';
import type { LinearProbe } from './linear-probe.ts';
import { fitLogistic } from './logistic.ts';

/**
 * Many logistic regressions (logistic.ts: the same objective and stopping rule) of the same rows, which differ in labels, in
 * C, or in how often each row counts: refits of a bootstrap, and of permuted labels.
 *
 * Newton's method for all of them at once. The Hessians of a batch are one product, W P, with W [B, n] the curvatures and P
 * [n, (D+1)^2] the outer products of the rows with themselves, which all fits share; they are factorised (Cholesky) and solved
 * on the engine in single precision (batched-newton.ts). Values, gradients and line searches are in double precision, so the
 * precision of the result is that of `tolerance`. Fits that share labels and C begin together, near the optimum of all rows, and
 * `tolerance` is a share of the gradient of all rows at 0. What does not converge so is fitted alone.
 */
export interface BatchedProblem {
  /** 1 or 0, one a row; both among the rows that count. */
  labels: ArrayLike<number>;
  /** Default 1. */
  C?: number;
  /** How often each row counts. Default: once. */
  counts?: ArrayLike<number>;
}

export interface BatchOptions {
  /** As of logistic.ts. Default 1e-10. */
  tolerance?: number;
}

/** Fits at once at most, and numbers in their Hessians: bounds the memory. */
const MOST_AT_ONCE = 256;
const MOST_HESSIANS = 2 ** 22;
/** Largest P, in numbers: 128 MiB. */
const MOST_PRODUCTS = 2 ** 25;
/** Fewer fits do not pay for P. */
const FEWEST_FITS = 4;
const STEPS = 40;

export function fitLogisticBatch(
  X: Matrix,
  problems: readonly BatchedProblem[],
  { tolerance = 1e-10 }: BatchOptions = {},
): LinearProbe[] {
  const d = X.columns + 1;
  const alone = (problem: BatchedProblem) => fitAlone(X, problem, tolerance);
  if (problems.length < FEWEST_FITS || X.rows * d * d > MOST_PRODUCTS || !isNative()) {
    return problems.map(alone);
  }
  const rows = { count: X.rows, columns: X.columns, data: Float64Array.from(X.data) };
  const shared = new SharedTensors(rows);
  const common = commonStart(X, problems);
  try {
    const fits: LinearProbe[] = [];
    const atOnce = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(MOST_HESSIANS / (d * d))));
    for (let start = 0; start < problems.length; start += atOnce) {
      const own = problems.slice(start, start + atOnce);
      const points = common && approach(own, common, shared);
      const batch = own.map((problem, b) => {
        const from = common && points && { ...common, point: points.subarray(b * d, (b + 1) * d) };
        return new Fit(rows, problem, tolerance, from);
      });
      descend(batch, shared);
      batch.forEach((fit, b) => {
        fits.push(fit.done ? fit.probe : alone(own[b] as BatchedProblem));
      });
    }
    return fits;
  } finally {
    shared.dispose();
  }
}

/** What is known of fits of the same labels, which differ in what was drawn only. */
interface CommonStart {
  /** The optimum of all rows once, w and b. */
  point: Float64Array;
  signs: Float64Array;
  C: number;
  /** The largest entry of the gradient at 0, of all rows once: what `tolerance` is a share of. */
  steepest: number;
}

/** null when labels or penalties differ. */
function commonStart(X: Matrix, problems: readonly BatchedProblem[]): CommonStart | null {
  const [first] = problems;
  if (!first || problems.some(({ labels, C }) => labels !== first.labels || C !== first.C)) return null;
  const { labels, C = 1 } = first;
  const { coefficients, intercept } = fitLogistic(X, labels, { C, tolerance: 1e-3 });
  const signs = Float64Array.from(labels, (label) => (label ? 1 : -1));
  const pull = signs.map((sign) => (-sign * C) / 2);
  const slopes = [...transposeTimes(X, pull), pull.reduce((sum, p) => sum + p, 0)];
  return {
    ...{ point: Float64Array.of(...coefficients, intercept), signs, C },
    steepest: Math.max(...slopes.map(Math.abs)),
  };
}

function fitAlone(X: Matrix, { labels, C = 1, counts }: BatchedProblem, tolerance: number): LinearProbe {
  if (!counts) return fitLogistic(X, labels, { C, tolerance });
  const drawn = Array.from(counts).flatMap((count, row) => new Array<number>(count).fill(row));
  return fitLogistic(
    takeRows(X, drawn),
    drawn.map((row) => labels[row] as number),
    { C, tolerance },
  );
}

/** Full Newton steps from a common start, where they hardly ever fail, before double precision takes over. */
const APPROACHES = 3;

/** Points near the optima of fits that begin together, [A, D+1]; null when single precision does not do. */
function approach(
  problems: readonly BatchedProblem[],
  { point, signs, C }: CommonStart,
  { X_Nd, P, penalty_d }: SharedTensors,
): Float64Array | null {
  const t = tensorflow();
  const [A, n] = [problems.length, signs.length];
  const costs = new Float32Array(A * n).fill(C);
  problems.forEach(({ counts }, a) => {
    for (let i = 0; counts && i < n; i++) costs[a * n + i] = C * (counts[i] as number);
  });
  return finite(() => {
    const costs_AN = t.tensor2d(costs, [A, n]);
    const signs_N = t.tensor1d(new Float32Array(signs));
    let point_Ad = t.tile(t.tensor2d(new Float32Array(point), [1, point.length]), [A, 1]);
    for (let step = 0; step < APPROACHES; step++) {
      const margins_AN = t.mul(t.matMul(point_Ad, X_Nd, false, true), signs_N);
      const wrong_AN = t.sigmoid(t.neg(margins_AN));
      const pull_AN = t.mul(wrong_AN, costs_AN);
      const slopes_AN = t.mul(pull_AN, t.neg(signs_N));
      const gradient_Ad = t.add(t.matMul(slopes_AN, X_Nd), t.mul(point_Ad, penalty_d));
      const curvature_AN = t.mul(pull_AN, t.sub(1, wrong_AN));
      point_Ad = t.add(point_Ad, newtonDirections(curvature_AN as tf.Tensor2D, gradient_Ad, P, penalty_d));
    }
    return point_Ad;
  });
}

/** Newton steps of all fits that are not done, until all are or no step helps. */
function descend(batch: readonly Fit[], { P, penalty_d }: SharedTensors): void {
  const t = tensorflow();
  const [n, d] = [P.shape[0], penalty_d.size];
  let active = batch.filter((fit) => !fit.done);
  for (let step = 0; step < STEPS && active.length > 0; step++) {
    const A = active.length;
    const curvatures = new Float32Array(A * n);
    const gradients = new Float32Array(A * d);
    active.forEach((fit, a) => {
      curvatures.set(fit.curvature, a * n);
      gradients.set(fit.gradient, a * d);
    });
    const directions = finite(() =>
      newtonDirections(t.tensor2d(curvatures, [A, n]), t.tensor2d(gradients, [A, d]), P, penalty_d),
    );
    if (!directions) return;
    active = active.filter((fit, a) => fit.step(directions.subarray(a * d, (a + 1) * d)) && !fit.done);
  }
}

/** One regression on its way: where it stands, with value, gradient and curvature there. Rows that count 0 are left out. */
class Fit {
  /** One a row of X; 0 for rows that do not count. */
  readonly curvature: Float64Array;
  readonly gradient: Float64Array;
  private readonly point: Float64Array;
  /** Which rows count, with label s = +-1 and cost C times how often. */
  private readonly members: Int32Array;
  private readonly signs: Float64Array;
  private readonly costs: Float64Array;
  /** w . x + b of each member. */
  private readonly products: Float64Array;
  private readonly moves: Float64Array;
  private readonly goal: number;
  private value: number;

  constructor(
    private readonly rows: Rows,
    { labels, C = 1, counts }: BatchedProblem,
    tolerance: number,
    from: CommonStart | null,
  ) {
    const { count, columns } = rows;
    if (!(C > 0)) throw new RangeError(`logistic: C ${C} is not positive`);
    if (labels.length !== count || (counts && counts.length !== count)) {
      throw new RangeError(`logistic: labels or counts of another length than the ${count} rows`);
    }
    const members = new Int32Array(count);
    const signs = new Float64Array(count);
    const costs = new Float64Array(count);
    let size = 0;
    for (let i = 0; i < count; i++) {
      const times = counts ? (counts[i] as number) : 1;
      if (times === 0) continue;
      members[size] = i;
      signs[size] = labels[i] ? 1 : -1;
      costs[size++] = C * times;
    }
    this.members = members.subarray(0, size);
    this.signs = signs.subarray(0, size);
    this.costs = costs.subarray(0, size);
    if (!this.signs.includes(1) || !this.signs.includes(-1)) {
      throw new RangeError('logistic: all labels are equal');
    }
    this.curvature = new Float64Array(count);
    this.gradient = new Float64Array(columns + 1);
    this.point = new Float64Array(columns + 1);
    this.products = new Float64Array(this.members.length);
    this.moves = new Float64Array(this.members.length);
    if (from) {
      this.point.set(from.point);
      this.along(this.point, this.products);
      this.look();
      // Steps that were too long, which happens far from a common optimum only: from 0 then.
      if (!(this.largest() < from.steepest)) {
        this.point.fill(0);
        this.products.fill(0);
        this.look();
      }
    } else this.look();
    this.goal = tolerance * (from?.steepest ?? this.largest());
    this.value = this.valueAt(0, 0, 0);
  }

  get done(): boolean {
    return this.largest() <= this.goal;
  }

  get probe(): LinearProbe {
    const { columns } = this.rows;
    return { coefficients: this.point.slice(0, columns), intercept: this.point[columns] as number };
  }

  /** Goes along a direction as far as the objective falls enough. @returns false when it does not */
  step(way: Float64Array): boolean {
    const { members, rows, point, gradient, products, moves } = this;
    const D = rows.columns;
    let slope = 0;
    let squares = 0;
    let along = 0;
    for (let j = 0; j <= D; j++) slope += (gradient[j] as number) * (way[j] as number);
    for (let j = 0; j < D; j++) {
      squares += (way[j] as number) ** 2;
      along += (way[j] as number) * (point[j] as number);
    }
    this.along(way, moves);
    const before = this.largest();
    for (let length = 1; length > 1e-6; length /= 2) {
      const value = this.valueAt(length, along, squares);
      // Where the objective is flat to rounding the gradient decides.
      const flat = Math.abs(slope) < 1e-12 * Math.max(1, Math.abs(this.value));
      if (!(value <= this.value + 1e-4 * length * slope) && !flat) continue;
      for (let j = 0; j <= D; j++) point[j] = (point[j] as number) + length * (way[j] as number);
      for (let m = 0; m < members.length; m++) {
        products[m] = (products[m] as number) + length * (moves[m] as number);
      }
      this.value = value;
      this.look();
      return !flat || this.largest() < before;
    }
    return false;
  }

  /** x . v + its last entry, of each member; four sums at a time, which do not wait for each other. */
  private along(v: Float64Array, out: Float64Array): void {
    const { members, rows } = this;
    const { columns: D, data } = rows;
    const last = v[D] as number;
    let m = 0;
    for (; m + 3 < members.length; m += 4) {
      const p = (members[m] as number) * D;
      const q = (members[m + 1] as number) * D;
      const r = (members[m + 2] as number) * D;
      const t = (members[m + 3] as number) * D;
      let [a, b, c, d] = [last, last, last, last];
      for (let j = 0; j < D; j++) {
        const x = v[j] as number;
        a += (data[p + j] as number) * x;
        b += (data[q + j] as number) * x;
        c += (data[r + j] as number) * x;
        d += (data[t + j] as number) * x;
      }
      out[m] = a;
      out[m + 1] = b;
      out[m + 2] = c;
      out[m + 3] = d;
    }
    for (; m < members.length; m++) {
      const p = (members[m] as number) * D;
      let sum = last;
      for (let j = 0; j < D; j++) sum += (data[p + j] as number) * (v[j] as number);
      out[m] = sum;
    }
  }

  private largest(): number {
    let most = 0;
    for (const slope of this.gradient) most = Math.max(most, Math.abs(slope));
    return most;
  }

  /** The objective `length` along the moves. @param along w . way @param squares of the way */
  private valueAt(length: number, along: number, squares: number): number {
    const { members, signs, costs, products, moves, point } = this;
    let penalty = 2 * length * along + length * length * squares;
    for (let j = 0; j < point.length - 1; j++) penalty += (point[j] as number) ** 2;
    let loss = 0;
    for (let m = 0; m < members.length; m++) {
      const margin = (signs[m] as number) * ((products[m] as number) + length * (moves[m] as number));
      const size = Math.abs(margin);
      loss += (costs[m] as number) * (Math.log1p(Math.exp(-size)) + (margin < 0 ? size : 0));
    }
    return penalty / 2 + loss;
  }

  /** Gradient and curvature where the fit stands. */
  private look(): void {
    const { members, rows, signs, costs, products, point, gradient, curvature } = this;
    const D = rows.columns;
    const { data } = rows;
    gradient.set(point);
    let total = 0;
    const slopeOf = (m: number): number => {
      const sign = signs[m] as number;
      const wrong = 1 / (1 + Math.exp(sign * (products[m] as number)));
      const cost = costs[m] as number;
      curvature[members[m] as number] = cost * wrong * (1 - wrong);
      const slope = -sign * cost * wrong;
      total += slope;
      return slope;
    };
    let m = 0;
    for (; m + 3 < members.length; m += 4) {
      const p = (members[m] as number) * D;
      const q = (members[m + 1] as number) * D;
      const r = (members[m + 2] as number) * D;
      const t = (members[m + 3] as number) * D;
      const [a, b, c, d] = [slopeOf(m), slopeOf(m + 1), slopeOf(m + 2), slopeOf(m + 3)];
      for (let j = 0; j < D; j++) {
        gradient[j] =
          (gradient[j] as number) +
          a * (data[p + j] as number) +
          b * (data[q + j] as number) +
          c * (data[r + j] as number) +
          d * (data[t + j] as number);
      }
    }
    for (; m < members.length; m++) {
      const p = (members[m] as number) * D;
      const slope = slopeOf(m);
      for (let j = 0; j < D; j++) gradient[j] = (gradient[j] as number) + slope * (data[p + j] as number);
    }
    gradient[D] = total;
  }
}
