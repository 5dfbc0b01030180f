/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder reduction to tridiagonal form and the implicit QL method
 * (EISPACK's tred2 and tql2; Wilkinson & Reinsch, "Handbook for Automatic Computation II: Linear Algebra", 1971).
 * A = sum_k values[k] v_k v_k^T; values ascend; vectors are rows: v_k = vectors[k * n .. (k + 1) * n). O(n^3).
 */
export interface Eigen {
  n: number;
  values: Float64Array;
  vectors: Float64Array;
}

/** @param a [n, n], symmetric; left as it is. */
export function symmetricEigen(a: ArrayLike<number>, n: number): Eigen {
  // Worked on transposed (rows are eigenvectors), so that the inner loops run along memory.
  const v = Float64Array.from(a);
  const d = new Float64Array(n);
  const e = new Float64Array(n);
  if (n > 0) {
    tridiagonalise(v, d, e, n);
    diagonalise(v, d, e, n);
    sortAscending(v, d, n);
  }
  return { n, values: d, vectors: v };
}

const get = (x: Float64Array, i: number) => x[i] as number;

/** Row k of v stands for column k of EISPACK's V. */
function tridiagonalise(v: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) d[j] = get(v, j * n + n - 1);
  for (let i = n - 1; i > 0; i--) {
    let scale = 0;
    let h = 0;
    for (let k = 0; k < i; k++) scale += Math.abs(get(d, k));
    if (scale === 0) {
      e[i] = get(d, i - 1);
      for (let j = 0; j < i; j++) {
        d[j] = get(v, j * n + i - 1);
        v[j * n + i] = 0;
        v[i * n + j] = 0;
      }
    } else {
      for (let k = 0; k < i; k++) {
        const scaled = get(d, k) / scale;
        d[k] = scaled;
        h += scaled * scaled;
      }
      let f = get(d, i - 1);
      let g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
      e[i] = scale * g;
      h -= f * g;
      d[i - 1] = f - g;
      for (let j = 0; j < i; j++) e[j] = 0;
      for (let j = 0; j < i; j++) {
        const row = j * n;
        f = get(d, j);
        v[i * n + j] = f;
        g = get(e, j) + get(v, row + j) * f;
        for (let k = j + 1; k < i; k++) {
          const entry = get(v, row + k);
          g += entry * get(d, k);
          e[k] = get(e, k) + entry * f;
        }
        e[j] = g;
      }
      f = 0;
      for (let j = 0; j < i; j++) {
        e[j] = get(e, j) / h;
        f += get(e, j) * get(d, j);
      }
      const hh = f / (h + h);
      for (let j = 0; j < i; j++) e[j] = get(e, j) - hh * get(d, j);
      for (let j = 0; j < i; j++) {
        const row = j * n;
        f = get(d, j);
        g = get(e, j);
        for (let k = j; k < i; k++) v[row + k] = get(v, row + k) - (f * get(e, k) + g * get(d, k));
        d[j] = get(v, row + i - 1);
        v[row + i] = 0;
      }
    }
    d[i] = h;
  }
  for (let i = 0; i < n - 1; i++) {
    v[i * n + n - 1] = get(v, i * n + i);
    v[i * n + i] = 1;
    const h = get(d, i + 1);
    const next = (i + 1) * n;
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = get(v, next + k) / h;
      for (let j = 0; j <= i; j++) {
        const row = j * n;
        let g = 0;
        for (let k = 0; k <= i; k++) g += get(v, next + k) * get(v, row + k);
        for (let k = 0; k <= i; k++) v[row + k] = get(v, row + k) - g * get(d, k);
      }
    }
    for (let k = 0; k <= i; k++) v[next + k] = 0;
  }
  for (let j = 0; j < n; j++) {
    d[j] = get(v, j * n + n - 1);
    v[j * n + n - 1] = 0;
  }
  v[n * n - 1] = 1;
  e[0] = 0;
}

function diagonalise(v: Float64Array, d: Float64Array, e: Float64Array, n: number): void {
  for (let i = 1; i < n; i++) e[i - 1] = get(e, i);
  e[n - 1] = 0;
  let shift = 0;
  let largest = 0;
  for (let l = 0; l < n; l++) {
    largest = Math.max(largest, Math.abs(get(d, l)) + Math.abs(get(e, l)));
    let m = l;
    while (m < n - 1 && Math.abs(get(e, m)) > Number.EPSILON * largest) m++;
    if (m > l) {
      do {
        let g = get(d, l);
        let p = (get(d, l + 1) - g) / (2 * get(e, l));
        let r = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1);
        d[l] = get(e, l) / (p + r);
        d[l + 1] = get(e, l) * (p + r);
        const dl1 = get(d, l + 1);
        let h = g - get(d, l);
        for (let i = l + 2; i < n; i++) d[i] = get(d, i) - h;
        shift += h;
        p = get(d, m);
        let c = 1;
        let c2 = 1;
        let c3 = 1;
        const el1 = get(e, l + 1);
        let s = 0;
        let s2 = 0;
        for (let i = m - 1; i >= l; i--) {
          c3 = c2;
          c2 = c;
          s2 = s;
          g = c * get(e, i);
          h = c * p;
          r = Math.hypot(p, get(e, i));
          e[i + 1] = s * r;
          s = get(e, i) / r;
          c = p / r;
          p = c * get(d, i) - s * g;
          d[i + 1] = h + s * (c * g + s * get(d, i));
          const upper = i * n;
          const lower = upper + n;
          for (let k = 0; k < n; k++) {
            const a = get(v, lower + k);
            const b = get(v, upper + k);
            v[lower + k] = s * b + c * a;
            v[upper + k] = c * b - s * a;
          }
        }
        p = (-s * s2 * c3 * el1 * get(e, l)) / dl1;
        e[l] = s * p;
        d[l] = c * p;
      } while (Math.abs(get(e, l)) > Number.EPSILON * largest);
    }
    d[l] = get(d, l) + shift;
    e[l] = 0;
  }
}

function sortAscending(v: Float64Array, d: Float64Array, n: number): void {
  for (let i = 0; i < n - 1; i++) {
    let k = i;
    for (let j = i + 1; j < n; j++) if (get(d, j) < get(d, k)) k = j;
    if (k === i) continue;
    const kept = get(d, i);
    d[i] = get(d, k);
    d[k] = kept;
    const row = v.slice(i * n, i * n + n);
    v.copyWithin(i * n, k * n, k * n + n);
    v.set(row, k * n);
  }
}
