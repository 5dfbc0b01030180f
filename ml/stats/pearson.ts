import { normalQuantile } from './normal.ts';
import { studentTwoSided } from './student-t.ts';

/**
 * Pearson's correlation r = cov(x, y) / (sd(x) sd(y)). Undefined (NaN) when x or y is constant.
 * p-value, two-sided, by t = r sqrt((n-2)/(1-r^2)) with n - 2 degrees of freedom.
 */
export interface CorrelationResult {
  r: number;
  p_value: number;
  n: number;
}

export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): CorrelationResult {
  const n = x.length;
  if (y.length !== n) throw new RangeError(`pearson: ${n} values against ${y.length}`);
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < n; i++) {
    meanX += (x[i] as number) / n;
    meanY += (y[i] as number) / n;
  }
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < n; i++) {
    const dx = (x[i] as number) - meanX;
    const dy = (y[i] as number) - meanY;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (n < 2 || xx === 0 || yy === 0) return { r: Number.NaN, p_value: Number.NaN, n };
  const r = Math.max(-1, Math.min(1, xy / (Math.sqrt(xx) * Math.sqrt(yy))));
  const t = r * Math.sqrt((n - 2) / ((1 - r) * (1 + r)));
  const p_value = n < 3 ? 1 : Math.abs(r) === 1 ? 0 : studentTwoSided(t, n - 2);
  return { r, p_value, n };
}

/** Fisher's interval of r: tanh(atanh(r) +- z / sqrt(n - 3)) (R. A. Fisher, 1921). Needs n > 3. */
export function fisherInterval(r: number, n: number, level = 0.95): [number, number] {
  if (n <= 3) return [-1, 1];
  const half = normalQuantile((1 + level) / 2) / Math.sqrt(n - 3);
  return [Math.tanh(Math.atanh(r) - half), Math.tanh(Math.atanh(r) + half)];
}
