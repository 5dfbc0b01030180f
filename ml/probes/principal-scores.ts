import {
  centred,
  columnGram,
  columnMeans,
  type Matrix,
  rowGram,
  times,
  transposeTimes,
  zeros,
} from './algebra/matrix.ts';
import { symmetricEigen } from './algebra/symmetric-eigen.ts';
import type { LinearProbe } from './linear-probe.ts';

/**
 * Rows seen along their principal directions: Z = X_c V, with the eigenvectors V of X_c^T X_c, found from the smaller of
 * X_c^T X_c and X_c X_c^T. Distances and inner products are those of the centred X, so any fit with an L2 penalty has the
 * same solution on Z as on X, in as many dimensions as X has rows or columns at most.
 */
export class PrincipalScores {
  /** Z [n, r]; columns by ascending variance. */
  readonly scores: Matrix & { data: Float64Array };
  /** Squared length of each column of Z. [r] */
  readonly variances: Float64Array;
  private readonly means: Float64Array;
  /** V^T: unit directions as rows. [r, D] */
  private readonly directions: Matrix & { data: Float64Array };

  constructor(X: Matrix) {
    const wide = X.columns > X.rows;
    const size = wide ? X.rows : X.columns;
    this.means = columnMeans(X);
    const shifted = centred(X, this.means);
    const { values, vectors } = symmetricEigen(wide ? rowGram(shifted) : columnGram(shifted), size);
    const floor = 1e-12 * Math.max(0, values[size - 1] ?? 0);
    const kept = [...values.keys()].filter((k) => (values[k] as number) > floor);
    this.variances = Float64Array.from(kept, (k) => values[k] as number);
    this.scores = zeros(X.rows, kept.length);
    this.directions = zeros(kept.length, X.columns);
    kept.forEach((k, c) => {
      const unit = vectors.subarray(k * size, (k + 1) * size);
      const root = Math.sqrt(values[k] as number);
      const direction = wide ? transposeTimes(shifted, unit).map((v) => v / root) : unit;
      const score = wide ? unit.map((v) => v * root) : times(shifted, unit);
      this.directions.data.set(direction, c * X.columns);
      for (let i = 0; i < X.rows; i++) this.scores.data[i * kept.length + c] = score[i] as number;
    });
  }

  /** The probe of X that predicts as `z` . scores + `intercept` does. */
  probe(z: Float64Array, intercept: number): LinearProbe {
    const coefficients = transposeTimes(this.directions, z);
    let shifted = intercept;
    for (let j = 0; j < coefficients.length; j++) {
      shifted -= (this.means[j] as number) * (coefficients[j] as number);
    }
    return { coefficients, intercept: shifted };
  }
}
