import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../../engine/data-of.ts';
import { tensorflow } from '../../engine/engine.ts';
import type { Matrix } from './matrix.ts';

/** Below so many entries an op costs more than what it saves. */
const FEWEST = 2 ** 19;

/**
 * Products with a large dense matrix in single precision on the engine: half the memory traffic of double precision, and all
 * threads. For steps towards an optimum; what decides where it is must be computed in double precision. Dispose of it.
 */
export class FloatProducts {
  private readonly X_ND: tf.Tensor2D;
  private weights_N1: tf.Tensor2D | null = null;

  private constructor(
    { data }: Matrix,
    private readonly rows: number,
    private readonly columns: number,
  ) {
    const single = data instanceof Float32Array ? data : new Float32Array(data);
    this.X_ND = tensorflow().tensor2d(single, [rows, columns]);
  }

  /** null where it would not pay. */
  static of(X: Matrix): FloatProducts | null {
    return X.rows * X.columns < FEWEST ? null : new FloatProducts(X, X.rows, X.columns);
  }

  /** X v, of the first entries of v. [N] */
  times(v: Float64Array): Float32Array {
    return dataOf(() => tensorflow().matMul(this.X_ND, this.columnOf(v)));
  }

  /** u^T X. [D] */
  transposeTimes(u: Float64Array): Float32Array {
    const t = tensorflow();
    return dataOf(() => t.matMul(t.tensor2d(new Float32Array(u), [1, this.rows]), this.X_ND));
  }

  /** Sets the weights c of `weighedTimes`, one a row. */
  setWeights(weights: Float64Array): void {
    this.weights_N1?.dispose();
    this.weights_N1 = tensorflow().tensor2d(new Float32Array(weights), [this.rows, 1]);
  }

  /** out = X^T (c * (X v + b)), of the first entries of v; returns the sum of c * (X v + b). */
  weighedTimes(v: Float64Array, b: number, out: Float64Array): number {
    const t = tensorflow();
    const { X_ND, weights_N1, rows, columns } = this;
    const product = dataOf(() => {
      const weighed_N1 = t.mul(t.add(t.matMul(X_ND, this.columnOf(v)), b), weights_N1 as tf.Tensor2D);
      const weighed_1N = t.reshape(weighed_N1, [1, rows]);
      return t.concat([t.reshape(t.matMul(weighed_1N, X_ND), [columns]), t.reshape(t.sum(weighed_N1), [1])]);
    });
    out.set(product.subarray(0, columns));
    return product[columns] as number;
  }

  private columnOf(v: Float64Array): tf.Tensor2D {
    const { columns } = this;
    return tensorflow().tensor2d(new Float32Array(v.subarray(0, columns)), [columns, 1]);
  }

  dispose(): void {
    this.weights_N1?.dispose();
    this.X_ND.dispose();
  }
}
