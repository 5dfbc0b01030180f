/** Square matrices are row-major; a factor L is lower triangular, with what is above it left undefined. */

/** L with L L' = matrix; null where the matrix is not positive definite. */
export function cholesky(matrix: Float64Array, n: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      if (i !== j) l[i * n + j] = sum / (l[j * n + j] as number);
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return l;
}

/** x with L x = b. */
export function solveLower(l: Float64Array, n: number, b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = b[i] as number;
    const row = i * n;
    for (let k = 0; k < i; k++) sum -= (l[row + k] as number) * (x[k] as number);
    x[i] = sum / (l[row + i] as number);
  }
  return x;
}

/** x with L' x = b. */
export function solveUpper(l: Float64Array, n: number, b: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(b);
  for (let i = n - 1; i >= 0; i--) {
    const row = i * n;
    const value = (x[i] as number) / (l[row + i] as number);
    x[i] = value;
    for (let k = 0; k < i; k++) x[k] = (x[k] as number) - (l[row + k] as number) * value;
  }
  return x;
}

/** The inverse of L L', whole. */
export function inverseOf(l: Float64Array, n: number): Float64Array {
  // Row i of `inverse` holds column i of L^-1, so that the products below run along rows.
  const inverse = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const row = j * n;
    inverse[row + j] = 1 / (l[j * n + j] as number);
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += (l[i * n + k] as number) * (inverse[row + k] as number);
      inverse[row + i] = -sum / (l[i * n + i] as number);
    }
  }
  const whole = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += (inverse[i * n + k] as number) * (inverse[j * n + k] as number);
      whole[i * n + j] = sum;
      whole[j * n + i] = sum;
    }
  }
  return whole;
}
