import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../engine/engine.ts';
import type { PositionTables } from './attention.ts';
import type { RotaryFrequencies } from './rotary-frequencies.ts';

/**
 * Rotary position embedding (Su et al. 2021, eq. 34), in GPT-NeoX' layout: the first `rotated` of the `headSize`
 * dimensions turn, dimension i with dimension i + rotated/2, by the angle position * base^(-2i/rotated).
 *
 *   rotate(x) = x * cos + (x P) * sin         P swaps the halves and negates the second: (x1, x2) -> (-x2, x1)
 *
 * Tables span the whole head (cos 1 and sin 0 beyond `rotated`), so that a partial rotation needs no slicing; P is
 * a 0/1 matrix, so that the product with it is exact.
 */
export interface RotaryOptions {
  headSize: number;
  rotated: number;
  frequencies: RotaryFrequencies;
}

/** Row-major [positions, headSize]. */
interface Table {
  positions: number;
  cos: Float32Array;
  sin: Float32Array;
}

/** The tables of a model. Rows for the positions of a pass are picked in JavaScript: that is cheaper than ten small ops. */
export class RotaryPlaces {
  /** As many positions as were asked for: a model may have more than 100,000, and most are never seen. */
  private table: Table = { positions: 0, cos: new Float32Array(0), sin: new Float32Array(0) };
  private swap: tf.Tensor2D | null = null;
  /** Those of the last pass over unpadded rows. */
  private last: { length: number; tables: PositionTables } | null = null;

  constructor(private readonly options: RotaryOptions) {}

  /** Tables for positions 0..length-1 in each row, or for the given ones (row-major [B, length]). */
  at(length: number, positionIds: Int32Array | null): PositionTables {
    const tf = tensorflow();
    this.swap ??= tf.keep(swapMatrix(this.options));
    const { swap } = this;
    if (positionIds) {
      const table = this.tableFor(positionIds.reduce((most, id) => Math.max(most, id), 0) + 1);
      return {
        cos: this.rows(table.cos, positionIds, length),
        sin: this.rows(table.sin, positionIds, length),
        swap,
      };
    }
    if (this.last?.length !== length) {
      this.forget();
      const table = this.tableFor(length);
      const ids = Int32Array.from({ length }, (_, i) => i);
      const tables = {
        cos: tf.keep(this.rows(table.cos, ids, length)),
        sin: tf.keep(this.rows(table.sin, ids, length)),
        swap,
      };
      this.last = { length, tables };
    }
    return this.last.tables;
  }

  private tableFor(length: number): Table {
    const { frequencies } = this.options;
    if (length > frequencies.steadyLength) return this.compute(length, frequencies.at(length));
    if (length > this.table.positions) {
      const positions = Math.min(2 ** Math.ceil(Math.log2(length)), frequencies.steadyLength);
      this.table = this.compute(positions, frequencies.at(positions));
    }
    return this.table;
  }

  private compute(positions: number, frequencies: Float32Array): Table {
    const { headSize, rotated } = this.options;
    const cos = new Float32Array(positions * headSize).fill(1);
    const sin = new Float32Array(positions * headSize);
    for (const [i, frequency] of frequencies.entries()) {
      for (let position = 0; position < positions; position++) {
        // Angles in float32, as the models were trained with.
        const angle = Math.fround(position * frequency);
        for (const column of [i, i + rotated / 2]) {
          cos[position * headSize + column] = Math.cos(angle);
          sin[position * headSize + column] = Math.sin(angle);
        }
      }
    }
    return { positions, cos, sin };
  }

  dispose(): void {
    this.forget();
    this.swap?.dispose();
    this.swap = null;
  }

  /** [2, B, 1, length, h]: for q, with the 1 / sqrt(h) of the scores, and for k. */
  private rows(table: Float32Array, positionIds: Int32Array, length: number): tf.Tensor {
    const { headSize } = this.options;
    const size = positionIds.length * headSize;
    const both = new Float32Array(2 * size);
    const scale = 1 / Math.sqrt(headSize);
    for (const [i, position] of positionIds.entries()) {
      const row = table.subarray(position * headSize, (position + 1) * headSize);
      both.set(row, size + i * headSize);
      for (let j = 0; j < headSize; j++) both[i * headSize + j] = (row[j] as number) * scale;
    }
    return tensorflow().tensor5d(both, [2, positionIds.length / length, 1, length, headSize]);
  }

  private forget(): void {
    this.last?.tables.cos.dispose();
    this.last?.tables.sin.dispose();
    this.last = null;
  }
}

/** P: [h, h]. */
function swapMatrix({ headSize, rotated }: RotaryOptions): tf.Tensor2D {
  const half = rotated / 2;
  const swap = new Float32Array(headSize * headSize);
  for (let i = 0; i < half; i++) {
    swap[(i + half) * headSize + i] = -1;
    swap[i * headSize + i + half] = 1;
  }
  return tensorflow().tensor2d(swap, [headSize, headSize]);
}
