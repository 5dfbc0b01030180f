import type { RandomStream } from '../random/stream.ts';

/** F rows of D, each a direction drawn uniformly, of length `norm`. */
export function randomDirections(F: number, D: number, norm: number, stream: RandomStream): Float32Array {
  const rows_FD = stream.normals(F * D);
  for (let f = 0; f < F; f++) {
    const row = rows_FD.subarray(f * D, (f + 1) * D);
    const scale = norm / Math.sqrt(dot(row, row));
    for (let d = 0; d < D; d++) row[d]! *= scale;
  }
  return rows_FD;
}

/** Uniform in +-sqrt(6 / (D + F)) (Glorot & Bengio 2010, eq. 16). */
export function xavierUniform(F: number, D: number, stream: RandomStream): Float32Array {
  const bound = Math.sqrt(6 / (D + F));
  return Float32Array.from({ length: F * D }, () => (2 * stream.uniform() - 1) * bound);
}

/**
 * A random [F, D] matrix with orthonormal columns (rows, when F < D): Q of the QR decomposition of a normal matrix, with
 * R's diagonal positive (Saxe et al. 2014; `torch.nn.init.orthogonal_`). By modified Gram-Schmidt, O(F D min(F, D)).
 */
export function orthogonal(F: number, D: number, stream: RandomStream): Float32Array {
  const long = Math.max(F, D);
  const short = Math.min(F, D);
  const vectors = Array.from({ length: short }, () =>
    Float64Array.from({ length: long }, () => stream.normal()),
  );
  for (let i = 0; i < short; i++) {
    const vector = vectors[i]!;
    const scale = 1 / Math.sqrt(dot(vector, vector));
    for (let j = 0; j < long; j++) vector[j]! *= scale;
    for (const later of vectors.slice(i + 1)) {
      const along = dot(vector, later);
      for (let j = 0; j < long; j++) later[j]! -= along * vector[j]!;
    }
  }
  const out_FD = new Float32Array(F * D);
  for (let f = 0; f < F; f++) {
    for (let d = 0; d < D; d++) out_FD[f * D + d] = F >= D ? vectors[d]![f]! : vectors[f]![d]!;
  }
  return out_FD;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
