/**
 * Limited-memory BFGS (Liu & Nocedal, Math. Program. 45, 1989; Nocedal & Wright, "Numerical Optimization", algorithm 7.5) for
 * smooth convex functions: the inverse Hessian is that of the last steps, and a step is halved until the value falls enough
 * (Armijo). Default: 10 steps kept, as scipy's.
 */
export interface LbfgsOptions {
  /** Ends when no entry of the gradient is larger. */
  goal: number;
  /** Values differ by rounding in so much: a share of the value. */
  rounding: number;
  evaluations?: number;
  memory?: number;
}

/** Writes the gradient at `point` into `gradient` and returns the value there. */
export type Evaluate = (point: Float64Array, gradient: Float64Array) => number;

interface Step {
  s: Float64Array;
  y: Float64Array;
  /** 1 / s . y */
  rho: number;
}

/** @returns the last point that was better than all before, whether the goal was reached or not */
export function lbfgs(start: Float64Array, evaluate: Evaluate, options: LbfgsOptions): Float64Array {
  const { goal, rounding, evaluations = 200, memory = 10 } = options;
  const d = start.length;
  let point = start.slice();
  let gradient: Float64Array = new Float64Array(d);
  let value = evaluate(point, gradient);
  const steps: Step[] = [];
  for (let used = 1; used < evaluations && largest(gradient) > goal; ) {
    const direction = directionOf(gradient, steps);
    const slope = dot(gradient, direction);
    if (!(slope < 0)) break;
    // Before anything is known of the curvature a step as long as 1 at most.
    let length = steps.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)));
    const next = new Float64Array(d);
    const nextGradient = new Float64Array(d);
    let moved = Number.POSITIVE_INFINITY;
    let fell = false;
    for (; used < evaluations && !fell && length > 1e-10; length /= 2) {
      for (let j = 0; j < d; j++) next[j] = (point[j] as number) + length * (direction[j] as number);
      moved = evaluate(next, nextGradient);
      used++;
      fell = moved <= value + 1e-4 * length * slope + rounding * Math.abs(value);
    }
    if (!fell) break;
    const s = next.map((v, j) => v - (point[j] as number));
    const y = nextGradient.map((v, j) => v - (gradient[j] as number));
    const curved = dot(s, y);
    if (curved > 1e-10 * Math.sqrt(dot(s, s) * dot(y, y))) {
      steps.push({ s, y, rho: 1 / curved });
      if (steps.length > memory) steps.shift();
    }
    point = next;
    gradient = nextGradient;
    value = moved;
  }
  return point;
}

/** The two loops: -H g. */
function directionOf(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const out = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (let k = steps.length - 1; k >= 0; k--) {
    const { s, y, rho } = steps[k] as Step;
    const alpha = rho * dot(s, out);
    alphas[k] = alpha;
    addTo(out, -alpha, y);
  }
  const last = steps.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let j = 0; j < out.length; j++) out[j] = (out[j] as number) * scale;
  }
  steps.forEach(({ s, y, rho }, k) => {
    addTo(out, (alphas[k] as number) - rho * dot(y, out), s);
  });
  return out;
}

function addTo(out: Float64Array, factor: number, v: Float64Array): void {
  for (let j = 0; j < out.length; j++) out[j] = (out[j] as number) + factor * (v[j] as number);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function largest(a: Float64Array): number {
  let most = 0;
  for (const v of a) most = Math.max(most, Math.abs(v));
  return most;
}
