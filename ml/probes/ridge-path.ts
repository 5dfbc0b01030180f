import { factorise, solve } from './algebra/cholesky.ts';
import { times, transposeTimes } from './algebra/matrix.ts';
import type { LinearProbe } from './linear-probe.ts';
import type { PrincipalScores } from './principal-scores.ts';

/**
 * Ridge regression (ridge.ts) with the penalty chosen by leaving one group of rows out in turn, without refitting: for a
 * linear smoother S(alpha), the errors on a left-out group g are (I - S_gg)^-1 (y - S y)_g, with
 * S = 1 1^T / n + Z diag(1 / (l + alpha)) Z^T on principal scores Z (the grouped form of Allen's PRESS: D. M. Allen,
 * Technometrics 16, 1974).
 *
 * One decomposition serves any number of targets and penalties, so a control can repeat the whole choice.
 * Candidates: 13 penalties from 1e-3 to 1e3 times the mean squared length of a row; the smallest mean squared error wins,
 * of equal ones the strongest penalty.
 */
export interface ChosenRidge {
  probe: LinearProbe;
  alpha: number;
  /** Mean squared error of the left-out predictions at `alpha`. */
  error: number;
}

const CANDIDATES = Array.from({ length: 13 }, (_, i) => 10 ** (3 - i / 2));

export class RidgePath {
  private readonly groups: Int32Array[];
  private readonly alphas: number[];
  /** By penalty, by group: the Cholesky factor of I - S_gg. Filled on first use. */
  private readonly factors: (Float64Array[] | undefined)[] = [];

  /** @param groups one label a row: rows with equal labels are left out together */
  constructor(
    private readonly principal: PrincipalScores,
    groups: ArrayLike<string | number>,
  ) {
    const n = principal.scores.rows;
    if (groups.length !== n) throw new RangeError(`ridge path: ${groups.length} groups for ${n} rows`);
    const byLabel = new Map<string | number, number[]>();
    for (let i = 0; i < n; i++) {
      const label = groups[i] as string | number;
      const rows = byLabel.get(label);
      if (rows) rows.push(i);
      else byLabel.set(label, [i]);
    }
    if (byLabel.size < 2) throw new RangeError('ridge path: one group alone cannot be left out');
    this.groups = [...byLabel.values()].map((rows) => Int32Array.from(rows));
    const meanSquare = principal.variances.reduce((sum, l) => sum + l, 0) / n;
    this.alphas = CANDIDATES.map((c) => c * (meanSquare > 0 ? meanSquare : 1));
  }

  fit(y: ArrayLike<number>): ChosenRidge {
    const { scores } = this.principal;
    const n = scores.rows;
    if (y.length !== n) throw new RangeError(`ridge path: ${y.length} targets for ${n} rows`);
    let mean = 0;
    for (let i = 0; i < n; i++) mean += (y[i] as number) / n;
    const targets = new Float64Array(n);
    for (let i = 0; i < n; i++) targets[i] = (y[i] as number) - mean;
    const projected = transposeTimes(scores, targets);
    let best = { alpha: Number.NaN, error: Number.POSITIVE_INFINITY };
    this.alphas.forEach((alpha, a) => {
      const fitted = times(scores, this.weightsAt(alpha, projected));
      for (let i = 0; i < n; i++) fitted[i] = (targets[i] as number) - (fitted[i] as number);
      const error = this.leftOutError(fitted, a);
      if (error < best.error) best = { alpha, error };
    });
    return { probe: this.principal.probe(this.weightsAt(best.alpha, projected), mean), ...best };
  }

  private weightsAt(alpha: number, projected: Float64Array): Float64Array {
    const { variances } = this.principal;
    const weights = new Float64Array(variances.length);
    for (let k = 0; k < weights.length; k++) {
      weights[k] = (projected[k] as number) / ((variances[k] as number) + alpha);
    }
    return weights;
  }

  private leftOutError(residuals: Float64Array, penalty: number): number {
    let factors = this.factors[penalty];
    if (!factors) {
      factors = this.groups.map((rows) => this.factor(rows, this.alphas[penalty] as number));
      this.factors[penalty] = factors;
    }
    let squares = 0;
    for (let g = 0; g < this.groups.length; g++) {
      const rows = this.groups[g] as Int32Array;
      const factor = factors[g] as Float64Array;
      const own = new Float64Array(rows.length);
      for (let i = 0; i < rows.length; i++) own[i] = residuals[rows[i] as number] as number;
      const errors = solve(factor, rows.length, own);
      for (let i = 0; i < errors.length; i++) squares += (errors[i] as number) ** 2;
    }
    return squares / residuals.length;
  }

  /** Of I - S_gg. */
  private factor(rows: Int32Array, alpha: number): Float64Array {
    const { scores, variances } = this.principal;
    const m = rows.length;
    const r = scores.columns;
    const left = new Float64Array(m * m);
    for (let a = 0; a < m; a++) {
      for (let b = 0; b <= a; b++) {
        let s = 1 / scores.rows;
        const p = (rows[a] as number) * r;
        const q = (rows[b] as number) * r;
        for (let k = 0; k < r; k++) {
          s +=
            ((scores.data[p + k] as number) * (scores.data[q + k] as number)) /
            ((variances[k] as number) + alpha);
        }
        left[a * m + b] = (a === b ? 1 : 0) - s;
      }
    }
    return factorise(left, m);
  }
}
