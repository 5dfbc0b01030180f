import { expect, test } from 'vitest';
import { factorise, solve } from '../../../ml/probes/algebra/cholesky.ts';
import {
  columnGram,
  type Matrix,
  rowGram,
  times,
  transposeTimes,
} from '../../../ml/probes/algebra/matrix.ts';
import { symmetricEigen } from '../../../ml/probes/algebra/symmetric-eigen.ts';
import { stream } from '../../../ml/random/stream.ts';

function random(rows: number, columns: number, share = 1): Matrix {
  const draws = stream(0, `${rows}x${columns}`);
  const data = Float64Array.from({ length: rows * columns }, () =>
    draws.uniform() < share ? draws.normal() : 0,
  );
  return { rows, columns, data };
}

test('Gram matrices hold the inner products', () => {
  const X = random(7, 4, 0.6);
  const columns = columnGram(X);
  const rows = rowGram(X);
  for (let a = 0; a < 4; a++) {
    const e = Float64Array.from({ length: 4 }, (_, j) => Number(j === a));
    const column = transposeTimes(X, times(X, e));
    for (let b = 0; b < 4; b++) expect(columns[a * 4 + b]).toBeCloseTo(column[b] as number, 12);
  }
  for (let i = 0; i < 7; i++) {
    const e = Float64Array.from({ length: 7 }, (_, j) => Number(j === i));
    const row = times(X, transposeTimes(X, e));
    for (let j = 0; j < 7; j++) expect(rows[i * 7 + j]).toBeCloseTo(row[j] as number, 12);
  }
});

test('Cholesky solves, and says when a matrix is not positive definite', () => {
  const A = columnGram(random(40, 15));
  const x = Float64Array.from({ length: 15 }, (_, i) => i - 7);
  const b = times({ rows: 15, columns: 15, data: A }, x);
  const found = solve(factorise(A.slice(), 15), 15, b);
  for (let i = 0; i < 15; i++) expect(found[i]).toBeCloseTo(x[i] as number, 9);
  expect(() => factorise(Float64Array.of(1, 2, 2, 1), 2)).toThrow('not positive definite at row 1 of 2');
});

test.each([
  ['full rank', 25, 60],
  ['rank 3', 20, 3],
  ['one', 1, 4],
])('eigenvectors rebuild the matrix: %s', (_, n, rank) => {
  const A = rowGram(random(n, rank));
  const { values, vectors } = symmetricEigen(A, n);
  for (let i = 0; i < n; i++) {
    if (i > 0) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1] as number);
    for (let j = 0; j < n; j++) {
      let entry = 0;
      let product = 0;
      for (let k = 0; k < n; k++) {
        entry += (values[k] as number) * (vectors[k * n + i] as number) * (vectors[k * n + j] as number);
        product += (vectors[i * n + k] as number) * (vectors[j * n + k] as number);
      }
      expect(entry).toBeCloseTo(A[i * n + j] as number, 10);
      expect(product).toBeCloseTo(i === j ? 1 : 0, 10);
    }
  }
});
