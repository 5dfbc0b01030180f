import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { attribute, rawOp, T_FLOAT } from '../engine/raw-op.ts';

/**
 * Newton directions of many regressions of the same rows at once, in single precision on the engine: what logistic-batch.ts
 * goes along.
 */
export interface Rows {
  count: number;
  columns: number;
  data: Float64Array;
}

/** Of each row with a 1 at its end: all products of two of its entries. */
function outerProducts({ count, columns, data }: Rows): Float32Array {
  const d = columns + 1;
  const out = new Float32Array(count * d * d);
  const row = new Float64Array(d).fill(1);
  for (let i = 0, at = 0; i < count; i++) {
    row.set(data.subarray(i * columns, (i + 1) * columns));
    for (let a = 0; a < d; a++)
      for (let b = 0; b < d; b++) out[at++] = (row[a] as number) * (row[b] as number);
  }
  return out;
}

/** What all fits read, on the engine. */
export class SharedTensors {
  /** The rows with a 1 at their end. */
  readonly X_Nd: tf.Tensor2D;
  /** Their outer products. */
  readonly P: tf.Tensor2D;
  /** 1 for each coefficient, 0 for the intercept. */
  readonly penalty_d: tf.Tensor1D;

  constructor(rows: Rows) {
    const t = tensorflow();
    const { count, columns, data } = rows;
    const d = columns + 1;
    const single = new Float32Array(count * d).fill(1);
    for (let i = 0; i < count; i++) single.set(data.subarray(i * columns, (i + 1) * columns), i * d);
    this.X_Nd = t.tensor2d(single, [count, d]);
    this.P = t.tensor2d(outerProducts(rows), [count, d * d]);
    this.penalty_d = t.tensor1d(Float32Array.from({ length: d }, (_, j) => Number(j < columns)));
  }

  dispose(): void {
    tensorflow().dispose([this.X_Nd, this.P, this.penalty_d]);
  }
}

const ADJOINT = [attribute.bool('lower', true), attribute.bool('adjoint', true), T_FLOAT];
const FORWARD = [attribute.bool('lower', true), attribute.bool('adjoint', false), T_FLOAT];

/** -H^-1 g of each fit. @param P outer products of the rows [N, (D+1)^2] */
export function newtonDirections(
  curvature_AN: tf.Tensor2D,
  gradient_Ad: tf.Tensor,
  P: tf.Tensor2D,
  penalty_d: tf.Tensor1D,
): tf.Tensor2D {
  const t = tensorflow();
  const [A, d] = [curvature_AN.shape[0], penalty_d.size];
  const loss_Add = t.reshape(t.matMul(curvature_AN, P), [A, d, d]);
  const hessian_Add = t.add(loss_Add, t.diag(penalty_d));
  // Scaled to a diagonal of ones: columns differ in size by orders of magnitude, single precision has seven digits.
  const scale_Ad = t.rsqrt(rawOp<tf.Tensor2D>('MatrixDiagPart', [T_FLOAT], [hessian_Add]));
  const scale_Ad1 = t.reshape(scale_Ad, [A, d, 1]);
  const scaled_Add = t.mul(t.mul(hessian_Add, scale_Ad1), t.reshape(scale_Ad, [A, 1, d]));
  const factor_Add = rawOp('Cholesky', [T_FLOAT], [scaled_Add]);
  const right_Ad1 = t.mul(t.reshape(gradient_Ad, [A, d, 1]), scale_Ad1);
  const half_Ad1 = rawOp('MatrixTriangularSolve', FORWARD, [factor_Add, right_Ad1]);
  const solved_Ad1 = rawOp('MatrixTriangularSolve', ADJOINT, [factor_Add, half_Ad1]);
  return t.neg(t.reshape(t.mul(solved_Ad1, scale_Ad1), [A, d]));
}

/** What `compute` gives; null when single precision fails: a Hessian is not positive definite, a number not finite. */
export function finite(compute: () => tf.Tensor): Float64Array | null {
  try {
    const values = dataOf(compute);
    return values.every(Number.isFinite) ? new Float64Array(values) : null;
  } catch {
    return null;
  }
}
