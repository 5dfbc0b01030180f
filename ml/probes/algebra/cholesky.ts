/**
 * Solves A x = b for a symmetric positive definite A [n, n] by A = L L^T (Golub & Van Loan, "Matrix Computations", 4.2).
 * `factorise` overwrites A's lower triangle with L and throws when A is not positive definite.
 */
export function factorise(a: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] as number;
      for (let k = 0, p = i * n, q = j * n; k < j; k++) sum -= (a[p++] as number) * (a[q++] as number);
      if (i !== j) {
        a[i * n + j] = sum / (a[j * n + j] as number);
      } else {
        if (!(sum > 0)) throw new RangeError(`cholesky: not positive definite at row ${i} of ${n}`);
        a[i * n + i] = Math.sqrt(sum);
      }
    }
  }
  return a;
}

/** x with L L^T x = b, for L from `factorise`. */
export function solve(l: Float64Array, n: number, b: Float64Array): Float64Array {
  const x = b.slice();
  for (let i = 0; i < n; i++) {
    let sum = x[i] as number;
    for (let k = 0, p = i * n; k < i; k++) sum -= (l[p++] as number) * (x[k] as number);
    x[i] = sum / (l[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    const value = (x[i] as number) / (l[i * n + i] as number);
    x[i] = value;
    for (let k = 0, p = i * n; k < i; k++) x[k] = (x[k] as number) - value * (l[p++] as number);
  }
  return x;
}
