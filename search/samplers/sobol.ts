import { type RandomStream, stream } from '../../ml/random/stream.ts';
import { checkSpace, fromUnit } from '../space.ts';
import type { Sampler, Value } from '../types.ts';
import { JOE_KUO } from './joe-kuo.ts';

/**
 * The Sobol sequence (Sobol, 1967) with Joe and Kuo's direction numbers, in Gray-code order (Antonov & Saleev, 1979): bit j of the
 * Gray code of n says whether direction number v_j goes into the exclusive or that is point n. Unscrambled it equals
 * scipy.stats.qmc.Sobol.
 *
 * Scrambled (the default), bits are permuted as Owen does ("Randomly Permuted (t,m,s)-Nets and (t,s)-Sequences", 1995): whether a bit is
 * flipped depends on all above it, by a hash (Burley, "Practical Hash-Based Owen Scrambling", JCGT 2020, with Vegdahl's better
 * hash), seeded for each dimension. Every power of two of points still fills its boxes evenly.
 */

const BITS = 32;

/** The largest number of dimensions. */
export const SOBOL_DIMENSIONS = JOE_KUO.length + 1;

const directions: (Uint32Array | undefined)[] = [];

/** v_0 .. v_31 of a dimension, the first binary digit in the top bit. */
function directionNumbers(dimension: number): Uint32Array {
  const known = directions[dimension];
  if (known) return known;
  const v = new Uint32Array(BITS);
  if (dimension === 0) {
    for (let j = 0; j < BITS; j++) v[j] = 2 ** (BITS - 1 - j);
  } else {
    const [polynomial, ...m] = JOE_KUO[dimension - 1] as [number, ...number[]];
    const s = m.length;
    for (let j = 0; j < BITS; j++) {
      if (j < s) {
        v[j] = (m[j] as number) << (BITS - 1 - j);
        continue;
      }
      let bits = (v[j - s] as number) ^ ((v[j - s] as number) >>> s);
      for (let k = 1; k < s; k++) if ((polynomial >>> (s - k)) & 1) bits ^= v[j - k] as number;
      v[j] = bits;
    }
  }
  directions[dimension] = v;
  return v;
}

/** Coordinate `dimension` of point n, as a whole number of 2^-32. */
export function sobolBits(n: number, dimension: number): number {
  const v = directionNumbers(dimension);
  let gray = (n ^ (n >>> 1)) >>> 0;
  let bits = 0;
  for (let j = 0; gray !== 0; j++, gray >>>= 1) if (gray & 1) bits ^= v[j] as number;
  return bits >>> 0;
}

function reversed(x: number): number {
  let r = x;
  r = ((r >>> 1) & 0x55555555) | ((r & 0x55555555) << 1);
  r = ((r >>> 2) & 0x33333333) | ((r & 0x33333333) << 2);
  r = ((r >>> 4) & 0x0f0f0f0f) | ((r & 0x0f0f0f0f) << 4);
  r = ((r >>> 8) & 0x00ff00ff) | ((r & 0x00ff00ff) << 8);
  return ((r >>> 16) | (r << 16)) >>> 0;
}

/** The nested permutation of the bits: on reversed bits, each step lets a bit depend on lower ones only. */
function owen(bits: number, seed: number): number {
  let x = reversed(bits);
  x ^= Math.imul(x, 0x3d20adea);
  x = (x + seed) | 0;
  x = Math.imul(x, (seed >>> 16) | 1);
  x ^= Math.imul(x, 0x05526c56);
  x ^= Math.imul(x, 0x53a22864);
  return reversed(x >>> 0);
}

/** Point n in [0, 1)^dimensions, scrambled by `seeds` (one a dimension): the centre of its cell, so that no point is a corner. */
export function scrambledPoint(n: number, seeds: ArrayLike<number>): Float64Array {
  const point = new Float64Array(seeds.length);
  for (let d = 0; d < seeds.length; d++)
    point[d] = (owen(sobolBits(n, d), seeds[d] as number) + 0.5) / 2 ** BITS;
  return point;
}

/** One seed of a scrambling for each dimension. */
export function scrambleSeeds(dimensions: number, draws: RandomStream): Uint32Array {
  return Uint32Array.from({ length: dimensions }, () => draws.integer(2 ** BITS));
}

export interface SobolOptions {
  /** Default true. */
  scramble?: boolean;
}

export function sobol({ scramble = true }: SobolOptions = {}): Sampler {
  return {
    propose(space, _directions, trials, seed) {
      checkSpace(space);
      if (space.length > SOBOL_DIMENSIONS)
        throw new RangeError(
          `sobol: at most ${SOBOL_DIMENSIONS} dimensions, and the space has ${space.length}`,
        );
      const n = trials.length;
      const unit = scramble
        ? scrambledPoint(n, scrambleSeeds(space.length, stream(seed, 'search.sobol.scramble')))
        : space.map((_, d) => sobolBits(n, d) / 2 ** BITS);
      const values: Record<string, Value> = {};
      for (const [d, dimension] of space.entries())
        values[dimension.name] = fromUnit(dimension, unit[d] as number);
      return values;
    },
  };
}
