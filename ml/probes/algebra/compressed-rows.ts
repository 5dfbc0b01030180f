import type { Matrix } from './matrix.ts';

/** Rows that hold less than this share of non-zeros are worth compressing. */
const SPARSE = 0.4;

/**
 * A matrix as lists of its non-zero entries, row by row (compressed sparse rows), or, when most entries are non-zero, as it
 * is: the products that iterative fits spend their time on.
 */
export class CompressedRows {
  readonly rows: number;
  readonly columns: number;
  private readonly starts: Int32Array;
  private readonly values: Float64Array;
  /** Column of each value; absent: rows are dense. */
  private readonly indices: Int32Array | null;

  constructor({ rows, columns, data }: Matrix) {
    this.rows = rows;
    this.columns = columns;
    let count = 0;
    const enough = SPARSE * data.length;
    for (let i = 0; i < data.length && count < enough; i++) if (data[i] !== 0) count++;
    const sparse = count < enough;
    this.starts = new Int32Array(rows + 1);
    // Dense rows are only read: a copy of what is in double precision already would be half of a fit's memory.
    this.values = sparse
      ? new Float64Array(count)
      : data instanceof Float64Array
        ? data
        : new Float64Array(data);
    this.indices = sparse ? new Int32Array(count) : null;
    if (!this.indices) {
      for (let i = 0; i <= rows; i++) this.starts[i] = i * columns;
      return;
    }
    let at = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const value = data[i * columns + j] as number;
        if (value === 0) continue;
        this.values[at] = value;
        this.indices[at++] = j;
      }
      this.starts[i + 1] = at;
    }
  }

  /** Whether most entries are non-zero. */
  get dense(): boolean {
    return this.indices === null;
  }

  /**
   * out += sum_i factor(i, x_i . v) x_i, with each row read from memory once; `factor` is asked in the order of rows. Dense
   * rows go four at a time: four sums that do not wait for each other, and a quarter of the traffic of `out`.
   */
  accumulate(v: Float64Array, factor: (row: number, product: number) => number, out: Float64Array): void {
    const blocks = this.dense ? this.rows - (this.rows % 4) : 0;
    for (let i = 0; i < blocks; i += 4) this.fourDense(i, v, factor, out);
    for (let i = blocks; i < this.rows; i++) this.add(i, factor(i, this.dot(i, v)), out);
  }

  private fourDense(
    i: number,
    v: Float64Array,
    factor: (row: number, product: number) => number,
    out: Float64Array,
  ): void {
    const { values, columns } = this;
    const [p, q, r, t] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns];
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let j = 0; j < columns; j++) {
      const x = v[j] as number;
      a += (values[p + j] as number) * x;
      b += (values[q + j] as number) * x;
      c += (values[r + j] as number) * x;
      d += (values[t + j] as number) * x;
    }
    a = factor(i, a);
    b = factor(i + 1, b);
    c = factor(i + 2, c);
    d = factor(i + 3, d);
    for (let j = 0; j < columns; j++) {
      out[j] =
        (out[j] as number) +
        a * (values[p + j] as number) +
        b * (values[q + j] as number) +
        c * (values[r + j] as number) +
        d * (values[t + j] as number);
    }
  }

  /** x_i . v */
  dot(i: number, v: Float64Array): number {
    const { values, indices } = this;
    const start = this.starts[i] as number;
    const end = this.starts[i + 1] as number;
    let sum = 0;
    if (indices)
      for (let p = start; p < end; p++) sum += (values[p] as number) * (v[indices[p] as number] as number);
    else for (let p = start, j = 0; p < end; p++, j++) sum += (values[p] as number) * (v[j] as number);
    return sum;
  }

  /** out += factor x_i */
  private add(i: number, factor: number, out: Float64Array): void {
    const { values, indices } = this;
    const start = this.starts[i] as number;
    const end = this.starts[i + 1] as number;
    if (indices) {
      for (let p = start; p < end; p++) {
        const j = indices[p] as number;
        out[j] = (out[j] as number) + factor * (values[p] as number);
      }
    } else {
      for (let p = start, j = 0; p < end; p++, j++)
        out[j] = (out[j] as number) + factor * (values[p] as number);
    }
  }

  /** out += factor x_i * x_i, entry by entry */
  addSquares(i: number, factor: number, out: Float64Array): void {
    const { values, indices } = this;
    const start = this.starts[i] as number;
    const end = this.starts[i + 1] as number;
    for (let p = start; p < end; p++) {
      const j = indices ? (indices[p] as number) : p - start;
      const value = values[p] as number;
      out[j] = (out[j] as number) + factor * value * value;
    }
  }
}
