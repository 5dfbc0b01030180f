/** A dense row-major matrix: row i is data[i * columns .. (i + 1) * columns). */
export interface Matrix {
  rows: number;
  columns: number;
  data: Float32Array | Float64Array;
}

export function zeros(rows: number, columns: number): Matrix & { data: Float64Array } {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** The given rows, copied in double precision. */
export function takeRows(matrix: Matrix, rows: ArrayLike<number>): Matrix & { data: Float64Array } {
  const { columns, data } = matrix;
  const out = zeros(rows.length, columns);
  for (let i = 0; i < rows.length; i++) {
    const start = (rows[i] as number) * columns;
    out.data.set(data.subarray(start, start + columns), i * columns);
  }
  return out;
}

export function columnMeans({ rows, columns, data }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) means[j] = (means[j] as number) + (data[at++] as number) / rows;
  }
  return means;
}

/** The matrix less `means` from each row, in double precision. */
export function centred(matrix: Matrix, means: Float64Array): Matrix & { data: Float64Array } {
  const { rows, columns } = matrix;
  const data = Float64Array.from(matrix.data);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) data[at] = (data[at] as number) - (means[j] as number);
  }
  return { rows, columns, data };
}

/** X v, one number a row. */
export function times({ rows, columns, data }: Matrix, v: ArrayLike<number>): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += (data[at++] as number) * (v[j] as number);
    out[i] = sum;
  }
  return out;
}

/** X^T u, one number a column. */
export function transposeTimes({ rows, columns, data }: Matrix, u: ArrayLike<number>): Float64Array {
  const out = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    const factor = u[i] as number;
    if (factor === 0) {
      at += columns;
      continue;
    }
    for (let j = 0; j < columns; j++) out[j] = (out[j] as number) + factor * (data[at++] as number);
  }
  return out;
}

/** X X^T: the inner products of all pairs of rows [rows, rows]. */
export function rowGram({ rows, columns, data }: Matrix): Float64Array {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0, a = i * columns, b = j * columns; k < columns; k++) {
        sum += (data[a++] as number) * (data[b++] as number);
      }
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  }
  return gram;
}

/** X^T X [columns, columns]; rows that are mostly zero (dictionary features) cost only their non-zeros. */
export function columnGram({ rows, columns, data }: Matrix): Float64Array {
  const gram = new Float64Array(columns * columns);
  const active = new Int32Array(columns);
  const values = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    let count = 0;
    for (let j = 0, at = i * columns; j < columns; j++) {
      const value = data[at++] as number;
      if (value === 0) continue;
      active[count] = j;
      values[count++] = value;
    }
    for (let a = 0; a < count; a++) {
      const start = (active[a] as number) * columns;
      const value = values[a] as number;
      for (let b = 0; b <= a; b++) {
        const slot = start + (active[b] as number);
        gram[slot] = (gram[slot] as number) + value * (values[b] as number);
      }
    }
  }
  for (let a = 0; a < columns; a++) {
    for (let b = 0; b < a; b++) gram[b * columns + a] = gram[a * columns + b] as number;
  }
  return gram;
}
