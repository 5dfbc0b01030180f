import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { placesAbove } from '../engine/places-above.ts';

/**
 * The `count` largest positive numbers of a matrix taken as one list, exactly and without sorting it: one pass keeps what
 * could be among them, above a bound guessed from a sample; the rest is counted by the bits of the floats.
 *
 * Of equal numbers at the boundary, those that come first are kept.
 */
export interface FlatTop {
  /** In the order of the list. */
  values_P: Float32Array;
  /** Where they are in the list, ascending. */
  places_P: Int32Array;
}

/** One number of so many is looked at for the bound. A prime, so that all columns are looked at alike. */
const STRIDE = 509;

/**
 * @param parts the matrix, in blocks of rows
 * @param count at most so many; fewer when fewer are above 0
 */
export function flatTopK(parts: readonly tf.Tensor2D[], count: number): FlatTop {
  for (const bound of boundsFromSample(parts, count)) {
    const above = valuesAbove(parts, bound);
    if (above.values_P.length >= count || bound === 0) return largest(above, count);
  }
  throw new Error('unreachable: the last bound is 0');
}

/** Falling guesses of what at least `count` numbers exceed; the last is 0. */
function boundsFromSample(parts: readonly tf.Tensor2D[], count: number): number[] {
  const pieces = parts.map((part) => dataOf(() => part.flatten().stridedSlice([0], [part.size], [STRIDE])));
  const sample = concatenated(Float32Array, pieces).sort();
  const expected = (count / parts.reduce((sum, part) => sum + part.size, 0)) * sample.length;
  // Four standard deviations above the expected number of sampled ones among the largest.
  const ranks = [expected + 4 * Math.sqrt(expected) + 4, 2 * expected + 64];
  return [...ranks.map((rank) => Math.max(0, sample[sample.length - 1 - Math.ceil(rank)] ?? 0)), 0];
}

function valuesAbove(parts: readonly tf.Tensor2D[], bound: number): FlatTop {
  const tf = tensorflow();
  let start = 0;
  const found = parts.map((part) => {
    const places = placesAbove(part, bound);
    const values =
      places.length === 0
        ? new Float32Array(0)
        : dataOf(() => tf.gather(part.flatten(), tf.tensor1d(places, 'int32')));
    if (start > 0) for (let i = 0; i < places.length; i++) places[i]! += start;
    start += part.size;
    return { places, values };
  });
  return {
    values_P: concatenated(
      Float32Array,
      found.map(({ values }) => values),
    ),
    places_P: concatenated(
      Int32Array,
      found.map(({ places }) => places),
    ),
  };
}

/** Positive floats are ordered as their bits are: the upper 16 find the bin of the smallest one kept, the lower 16 itself. */
function largest({ values_P, places_P }: FlatTop, count: number): FlatTop {
  if (values_P.length <= count) return { values_P, places_P };
  const bits_P = new Uint32Array(values_P.buffer, values_P.byteOffset, values_P.length);
  const upper = binOfRank(bits_P, count, (bits) => bits >>> 16);
  const lower = binOfRank(bits_P, count - upper.above, (bits) =>
    bits >>> 16 === upper.bin ? bits & 0xffff : -1,
  );
  const smallest = ((upper.bin << 16) | lower.bin) >>> 0;
  let ties = count - upper.above - lower.above;
  const kept = { values_P: new Float32Array(count), places_P: new Int32Array(count) };
  let n = 0;
  for (let i = 0; i < bits_P.length; i++) {
    const bits = bits_P[i]!;
    if (bits < smallest || (bits === smallest && ties-- <= 0)) continue;
    kept.values_P[n] = values_P[i]!;
    kept.places_P[n++] = places_P[i]!;
  }
  return kept;
}

/** Of 2^16 bins (-1: in none), the one that holds the `rank`-th largest (from 1), and how many lie in higher ones. */
function binOfRank(
  bits_P: Uint32Array,
  rank: number,
  binOf: (bits: number) => number,
): { bin: number; above: number } {
  const counts = new Uint32Array(65536);
  for (const bits of bits_P) {
    const bin = binOf(bits);
    if (bin >= 0) counts[bin]!++;
  }
  let above = 0;
  for (let bin = 65535; bin > 0; bin--) {
    if (above + counts[bin]! >= rank) return { bin, above };
    above += counts[bin]!;
  }
  return { bin: 0, above };
}

function concatenated<T extends Float32Array | Int32Array>(
  type: new (length: number) => T,
  parts: readonly T[],
): T {
  if (parts.length === 1) return parts[0] as T;
  const all = new type(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
