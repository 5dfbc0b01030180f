/**
 * Minimisation within a box by projected L-BFGS: the two-loop recursion (Nocedal & Wright, "Numerical Optimization", algorithm 7.4) on the
 * variables that are not held by a bound, and backtracking along the projection onto the box (Bertsekas, 1982).
 */
export interface Evaluated {
  value: number;
  gradient: Float64Array;
}

export interface Minimum extends Evaluated {
  x: Float64Array;
}

export interface MinimiseOptions {
  low: number;
  high: number;
  /** Default 100. */
  iterations?: number;
  /** Largest component of the projected gradient at which it ends. Default 1e-3. */
  tolerance?: number;
}

const MEMORY = 10;
const BACKTRACKS = 20;
const SUFFICIENT = 1e-4;

/** @param objective may give a value that is not finite outside of where it is defined: a shorter step is tried */
export function minimise(
  objective: (x: Float64Array) => Evaluated,
  start: ArrayLike<number>,
  { low, high, iterations = 100, tolerance = 1e-3 }: MinimiseOptions,
): Minimum {
  const project = (value: number) => Math.min(Math.max(value, low), high);
  let x: Float64Array = Float64Array.from(start, project);
  let { value, gradient } = objective(x);
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const held = x.map((at, i) => Number(outward(at, gradient[i] as number, low, high)));
    const free = gradient.map((g, i) => (held[i] ? 0 : g));
    if (free.every((g) => Math.abs(g) <= tolerance)) break;
    let direction: Float64Array = descent(free, held, pairs);
    if (!(dot(direction, free) < 0)) {
      pairs.length = 0;
      direction = free.map((g) => -g);
    }
    let step = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(free, free))) : 1;
    let next: Minimum | null = null;
    for (let i = 0; i < BACKTRACKS && !next; i++, step /= 2) {
      const tried = x.map((at, k) => project(at + step * (direction[k] as number)));
      const found = objective(tried);
      const expected = tried.reduce(
        (sum, at, k) => sum + (gradient[k] as number) * (at - (x[k] as number)),
        0,
      );
      if (found.value <= value + SUFFICIENT * expected) next = { x: tried, ...found };
    }
    if (!next) {
      if (pairs.length === 0) break;
      // The curvature that was remembered is no longer that of the place: go on with the gradient.
      pairs.length = 0;
      continue;
    }
    const s = next.x.map((at, k) => at - (x[k] as number));
    const y = next.gradient.map((g, k) => g - (gradient[k] as number));
    const sy = dot(s, y);
    if (sy > 1e-10 * dot(y, y)) pairs.push({ s, y, rho: 1 / sy });
    if (pairs.length > MEMORY) pairs.shift();
    const gain = value - next.value;
    ({ x, value, gradient } = next);
    if (gain <= 1e-10 * Math.max(1, Math.abs(value))) break;
  }
  return { x, value, gradient };
}

const outward = (at: number, g: number, low: number, high: number) =>
  (at <= low && g > 0) || (at >= high && g < 0);

function descent(
  free: Float64Array,
  held: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = free.slice();
  const alphas: number[] = [];
  for (const { s, y, rho } of pairs.toReversed()) {
    const alpha = rho * dot(s, q);
    alphas.push(alpha);
    for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) - alpha * (y[k] as number);
  }
  const last = pairs[pairs.length - 1];
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) * scale;
  for (const { s, y, rho } of pairs) {
    const correction = (alphas.pop() as number) - rho * dot(y, q);
    for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) + correction * (s[k] as number);
  }
  return q.map((value, k) => (held[k] ? 0 : -value));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] as number) * (b[k] as number);
  return sum;
}
