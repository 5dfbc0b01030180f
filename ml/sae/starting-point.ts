import type { RandomStream } from '../random/stream.ts';
import { geometricMedian } from './geometric-median.ts';
import { randomDirections } from './initial-weights.ts';

/** Where decoder biases start: at 0, or in the middle of the activations. */
export type DecoderBias = 'zero' | 'mean' | 'geometric-median';

/** Where rows start: as random directions, or as directions of activations, seen from the decoder bias. */
export type Initialisation = 'random' | 'data';

export interface StartingOptions {
  width: number;
  features: number;
  initialisation: Initialisation;
  decoderBias: DecoderBias;
  /** Draws the starting weights. */
  stream: RandomStream;
  /** Some activations [n, D], scaled for training; as many as features where rows start from them. */
  sample_ND: Float32Array;
}

export interface StartingPoint {
  /** F rows of length `norm`: [F, D]. */
  rows(norm: number): Float32Array;
  decoderBias_D: Float32Array;
}

/** Activations that the median is taken of, at most: each is looked at a hundred times. */
const MEDIAN_ROWS = 1024;

export function startingPoint(options: StartingOptions): StartingPoint {
  const { width: D, features: F, stream, sample_ND } = options;
  const decoderBias_D = startingBias(options);
  return {
    decoderBias_D,
    rows: (norm) =>
      options.initialisation === 'random'
        ? randomDirections(F, D, norm, stream)
        : dataDirections(F, norm, sample_ND, decoderBias_D, stream),
  };
}

function startingBias({ decoderBias, sample_ND, width: D }: StartingOptions): Float32Array {
  if (decoderBias === 'zero') return new Float32Array(D);
  if (decoderBias === 'geometric-median') {
    return geometricMedian(sample_ND.subarray(0, MEDIAN_ROWS * D), D);
  }
  const sums_D = new Float64Array(D);
  sample_ND.forEach((x, i) => {
    sums_D[i % D]! += x;
  });
  return Float32Array.from(sums_D, (sum) => (sum * D) / sample_ND.length);
}

/** (x - origin) / ||x - origin|| * norm for F activations drawn without replacement; one at the origin gives a random row. */
function dataDirections(
  F: number,
  norm: number,
  sample_ND: Float32Array,
  origin_D: Float32Array,
  stream: RandomStream,
): Float32Array {
  const D = origin_D.length;
  const N = sample_ND.length / D;
  if (N < F) throw new RangeError(`${F} rows cannot start from ${N} activations`);
  const rows_FD = new Float32Array(F * D);
  stream
    .permutation(N)
    .subarray(0, F)
    .forEach((n, f) => {
      const row_D = sample_ND.slice(n * D, (n + 1) * D).map((x, d) => x - origin_D[d]!);
      const length = Math.sqrt(row_D.reduce((sum, x) => sum + x * x, 0));
      const unit_D = length > 0 ? row_D.map((x) => x / length) : randomDirections(1, D, 1, stream);
      rows_FD.set(
        unit_D.map((x) => x * norm),
        f * D,
      );
    });
  return rows_FD;
}
