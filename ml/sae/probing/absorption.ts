/** Shapes in names: F features, D width. */

/**
 * Feature absorption (Chanin et al., "A is for absorption", 2024; SAEBench): at a token that has a concept, the concept's own
 * features stay silent, since another, more special feature took over the concept's direction with them.
 *
 * With the unit direction w of a probe of the activations, an activation x projects to x . w, and feature f contributes
 * f_i (d_i . w). A token is
 *
 *   fully absorbed  main features all silent; x . w > 0; the largest contribution comes from a feature with
 *                   cos(d_i, w) >= 0.025 and is at least 0.4 of x . w
 *   in part         the share of the concept carried by at most 3 other features with cos(d_i, w) >= 0.1, if those carry at
 *                   least 0.4 of x . w: min(theirs, x . w - main) of that and the main features' together
 *
 * x is the activation less the decoder's bias, what features have to write (SAEBench: the activation itself).
 */
export interface Absorption {
  /** Main features all silent. */
  silent: boolean;
  full: boolean;
  /** 0 to 1. */
  fraction: number;
}

export interface ConceptDirection {
  /** cos(d_i, w) of each feature. [F] */
  cosines_F: Float64Array;
  /** d_i . w [F] */
  projections_F: Float64Array;
  /** w, unit length. [D] */
  direction_D: Float64Array;
  /** Indices of the concept's own features. */
  main: readonly number[];
}

const FULL_COSINE = 0.025;
const PART_COSINE = 0.1;
const LEAST_SHARE = 0.4;
const MOST_ABSORBING = 3;
const SILENT = 1e-8;

export function conceptDirection(
  decoder_FD: Float32Array,
  towards_D: ArrayLike<number>,
  main: readonly number[],
): ConceptDirection {
  const D = towards_D.length;
  const length = Math.sqrt(dot(towards_D, towards_D));
  const direction_D = Float64Array.from(towards_D, (value) => value / length);
  const F = decoder_FD.length / D;
  const projections_F = new Float64Array(F);
  const cosines_F = new Float64Array(F);
  for (let f = 0; f < F; f++) {
    const row = decoder_FD.subarray(f * D, (f + 1) * D);
    projections_F[f] = dot(row, direction_D);
    cosines_F[f] = projections_F[f]! / (Math.sqrt(dot(row, row)) || 1);
  }
  return { cosines_F, projections_F, direction_D, main };
}

export function absorptionOf(
  acts_D: ArrayLike<number>,
  features_F: ArrayLike<number>,
  concept: ConceptDirection,
): Absorption {
  const { cosines_F, projections_F, direction_D, main } = concept;
  const whole = dot(acts_D, direction_D);
  const own = main.reduce((sum, f) => sum + features_F[f]! * projections_F[f]!, 0);
  const silent = main.every((f) => features_F[f]! < SILENT);
  const others: number[] = [];
  let largest = Number.NEGATIVE_INFINITY;
  let largestCosine = 0;
  for (let f = 0; f < features_F.length; f++) {
    const carried = features_F[f]! * projections_F[f]!;
    if (carried > largest) {
      largest = carried;
      largestCosine = cosines_F[f]!;
    }
    if (carried > 0 && cosines_F[f]! >= PART_COSINE && !main.includes(f)) others.push(carried);
  }
  const full = silent && largestCosine >= FULL_COSINE && whole > 0 && largest / whole >= LEAST_SHARE;
  const absorbing = others
    .sort((a, b) => b - a)
    .slice(0, MOST_ABSORBING)
    .reduce((sum, carried) => sum + carried, 0);
  return { silent, full, fraction: partOf(whole, own, absorbing) };
}

function partOf(whole: number, own: number, absorbing: number): number {
  if (own >= whole || absorbing / whole < LEAST_SHARE) return 0;
  if (own <= 0) return 1;
  const absorbed = Math.min(absorbing, whole - own);
  return Math.min(1, Math.max(0, absorbed / (absorbed + own)));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
