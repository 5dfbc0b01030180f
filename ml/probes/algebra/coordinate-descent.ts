import { factorise, solve } from './cholesky.ts';
import type { Matrix } from './matrix.ts';

/** Rounds over the coefficients that are not 0, after which their optimum is solved for. */
const PATIENCE = 10;
/** Of so many at most: the cost grows with the cube. */
const MOST_SOLVED = 1000;

/**
 * Minimises, over coefficients w and an intercept b without penalty,
 *
 *   1/2 sum_i v_i (z_i - x_i . w - b)^2 + l1 ||w||_1 + l2/2 ||w||^2
 *
 * by cyclic coordinate descent (Friedman, Hastie & Tibshirani, J. Stat. Softw. 33, 2010): what the lasso, the elastic net and
 * each Newton step of the L1 logistic regression come down to. The intercept is always the best one for the coefficients: it
 * is kept out by weighted means. Rounds go over the coefficients that are not 0 until these stand still, then once over all;
 * it is done when that moves nothing. Where rounds are slow (columns that are nearly dependent), the optimum for the signs at
 * hand is solved for, and approached until a coefficient reaches 0. Starts where the last problem ended.
 */
export class CoordinateDescent {
  readonly coefficients: Float64Array;
  /** Column after column. */
  private readonly columns: Float64Array;
  private readonly curvature: Float64Array;
  /** Weighted mean of each column. */
  private readonly means: Float64Array;
  private targetMean = 0;
  /** v_i (z_i - x_i . w - b), which sums to 0 */
  private readonly pull: Float64Array;
  private weights: ArrayLike<number> = [];
  private readonly D: number;

  constructor({ rows, columns, data }: Matrix) {
    this.D = columns;
    this.columns = new Float64Array(rows * columns);
    for (let i = 0, at = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) this.columns[j * rows + i] = data[at++] as number;
    }
    this.coefficients = new Float64Array(columns);
    this.curvature = new Float64Array(columns);
    this.means = new Float64Array(columns);
    this.pull = new Float64Array(rows);
  }

  /** b = mean z - mean x . w */
  get intercept(): number {
    let intercept = this.targetMean;
    for (let j = 0; j < this.D; j++) {
      intercept -= (this.means[j] as number) * (this.coefficients[j] as number);
    }
    return intercept;
  }

  /** Sets the weights v, all positive, and the targets z. */
  setProblem(weights: ArrayLike<number>, targets: ArrayLike<number>): void {
    const { columns, pull, curvature, means, D } = this;
    const n = pull.length;
    this.weights = weights;
    let total = 0;
    let mean = 0;
    for (let i = 0; i < n; i++) {
      total += weights[i] as number;
      mean += (weights[i] as number) * (targets[i] as number);
    }
    mean /= total;
    this.targetMean = mean;
    for (let i = 0; i < n; i++) pull[i] = (targets[i] as number) - mean;
    for (let j = 0; j < D; j++) {
      let sum = 0;
      let squares = 0;
      for (let i = 0, at = j * n; i < n; i++, at++) {
        const weighed = (weights[i] as number) * (columns[at] as number);
        sum += weighed;
        squares += weighed * (columns[at] as number);
      }
      const own = sum / total;
      means[j] = own;
      // What is left of a constant column is rounding.
      const spread = squares - total * own * own;
      curvature[j] = spread > 1e-14 * squares ? spread : 0;
      const w = this.coefficients[j] as number;
      if (w === 0) continue;
      for (let i = 0, at = j * n; i < n; i++, at++) {
        pull[i] = (pull[i] as number) - w * ((columns[at] as number) - own);
      }
    }
    for (let i = 0; i < n; i++) pull[i] = (pull[i] as number) * (weights[i] as number);
  }

  /** x_j . pull: minus the slope of the smooth part without l2. */
  private slope(j: number): number {
    const { columns, pull } = this;
    const n = pull.length;
    let sum = 0;
    for (let i = 0, at = j * n; i < n; i++, at++) sum += (columns[at] as number) * (pull[i] as number);
    return sum;
  }

  /** @param tolerance the largest fall of the objective in a round that counts as standing still */
  solve(l1: number, l2: number, tolerance: number, rounds = 10_000): void {
    for (let round = 0; round < rounds; round++) {
      if (this.round(l1, l2, false) <= tolerance) return;
      let still = false;
      for (let own = 0; own < PATIENCE && !still; own++, round++) {
        still = this.round(l1, l2, true) <= tolerance;
      }
      if (!still) this.approach(l1, l2);
    }
  }

  /**
   * Goes from the coefficients that are not 0 towards the optimum with the same signs, at most until one reaches 0. Does
   * nothing where that optimum is not unique.
   */
  private approach(l1: number, l2: number): void {
    const { coefficients, columns, curvature, means, pull, weights } = this;
    const n = pull.length;
    const active = [...coefficients.keys()].filter((j) => coefficients[j] !== 0 && curvature[j] !== 0);
    const m = active.length;
    if (m === 0 || m > MOST_SOLVED || m >= n) return;
    const gram = new Float64Array(m * m);
    const slopes = new Float64Array(m);
    const weighed = new Float64Array(n);
    for (let a = 0; a < m; a++) {
      const j = active[a] as number;
      const w = coefficients[j] as number;
      slopes[a] = this.slope(j) - l1 * Math.sign(w) - l2 * w;
      for (let i = 0; i < n; i++) {
        weighed[i] = (weights[i] as number) * ((columns[j * n + i] as number) - (means[j] as number));
      }
      for (let b = 0; b <= a; b++) {
        let sum = a === b ? l2 : 0;
        for (let i = 0, at = (active[b] as number) * n; i < n; i++, at++) {
          sum += (weighed[i] as number) * (columns[at] as number);
        }
        gram[a * m + b] = sum;
      }
    }
    let steps: Float64Array;
    try {
      steps = solve(factorise(gram, m), m, slopes);
    } catch (error) {
      if (error instanceof RangeError) return;
      throw error;
    }
    let length = 1;
    for (let a = 0; a < m; a++) {
      const reach = -(coefficients[active[a] as number] as number) / (steps[a] as number);
      if (reach > 0 && reach < length) length = reach;
    }
    if (!steps.every(Number.isFinite)) return;
    for (let a = 0; a < m; a++) {
      const j = active[a] as number;
      const w = coefficients[j] as number;
      const moved = w + length * (steps[a] as number);
      // The one that reaches 0 is left with rounding.
      const next = Math.sign(moved) === Math.sign(w) && Math.abs(moved) > 1e-12 * Math.abs(w) ? moved : 0;
      this.push(j, next - w);
      coefficients[j] = next;
    }
  }

  /** One round over all coefficients, or over those that are not 0; the largest curvature times squared step. */
  private round(l1: number, l2: number, activeOnly: boolean): number {
    const { coefficients, curvature, D } = this;
    let most = 0;
    for (let j = 0; j < D; j++) {
      const w = coefficients[j] as number;
      const c = curvature[j] as number;
      if ((activeOnly && w === 0) || c === 0) continue;
      const reach = this.slope(j) + c * w;
      const next = (Math.sign(reach) * Math.max(0, Math.abs(reach) - l1)) / (c + l2);
      if (next === w) continue;
      this.push(j, next - w);
      coefficients[j] = next;
      most = Math.max(most, (c + l2) * (next - w) ** 2);
    }
    return most;
  }

  private push(j: number, step: number): void {
    const { columns, pull, weights } = this;
    const n = pull.length;
    const mean = this.means[j] as number;
    for (let i = 0, at = j * n; i < n; i++, at++) {
      pull[i] = (pull[i] as number) - step * (weights[i] as number) * ((columns[at] as number) - mean);
    }
  }
}
