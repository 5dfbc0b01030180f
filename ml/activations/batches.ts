import type { RowSource } from './row-source.ts';
import { RowOrder } from './shuffle.ts';

export interface BatchOptions {
  /** Only rows [0, rows) are read. */
  rows: number;
  batch: number;
  shuffle: { seed: number; name: string } | null;
  /** Bytes of activations held at once. Part of what decides the order: keep it fixed. */
  bufferBytes?: number;
}

const BUFFER_BYTES = 512 * 1024 * 1024;
const BLOCK_ROWS = 256;

/**
 * An endless stream of batches of rows, epoch after epoch; a batch may reach over the end of an epoch. Any batch can be
 * asked for, so training resumes at its step without further state.
 */
export class RowBatches {
  private readonly order: RowOrder;
  private readonly width: number;
  /** The last batch: those who train side by side ask for it one after the other. */
  private last: { step: number; acts_BD: Float32Array } | null = null;
  private buffer: {
    epoch: number;
    index: number;
    start: number;
    rows_RD: Float32Array;
    order: Int32Array;
  } | null = null;

  constructor(
    private readonly source: RowSource,
    private readonly options: BatchOptions,
  ) {
    this.width = source.width;
    this.order = new RowOrder({
      rows: options.rows,
      buffer: Math.max(1, Math.floor((options.bufferBytes ?? BUFFER_BYTES) / (4 * this.width))),
      block: BLOCK_ROWS,
      shuffle: options.shuffle,
    });
  }

  /** Batch `step` (0-based): [batch, D]. To be read only. */
  batch(step: number): Float32Array {
    if (this.last?.step !== step) this.last = { step, acts_BD: this.gather(step) };
    return this.last.acts_BD;
  }

  private gather(step: number): Float32Array {
    const { batch, rows } = this.options;
    const { width } = this;
    const out_BD = new Float32Array(batch * width);
    for (let b = 0; b < batch; b++) {
      const position = step * batch + b;
      const { start, rows_RD, order } = this.bufferAt(Math.floor(position / rows), position % rows);
      const from = order[(position % rows) - start]! * width;
      out_BD.set(rows_RD.subarray(from, from + width), b * width);
    }
    return out_BD;
  }

  /** The buffer that holds the `position`-th row of the epoch. */
  private bufferAt(epoch: number, position: number): NonNullable<RowBatches['buffer']> {
    const held = this.buffer;
    if (held?.epoch === epoch && position >= held.start && position < held.start + held.order.length)
      return held;
    const follows = held?.epoch === epoch && position >= held.start;
    let index = follows ? held.index : 0;
    let start = follows ? held.start : 0;
    for (; ; index++) {
      const { blocks, order } = this.order.plan(epoch, index);
      if (position < start + order.length) {
        this.buffer = null;
        this.buffer = { epoch, index, start, rows_RD: this.read(blocks, order.length), order };
        return this.buffer;
      }
      start += order.length;
    }
  }

  private read(blocks: readonly [number, number][], rows: number): Float32Array {
    const rows_RD = new Float32Array(rows * this.width);
    let at = 0;
    for (const [from, to] of blocks) {
      rows_RD.set(this.source.rows(from, to), at);
      at += (to - from) * this.width;
    }
    return rows_RD;
  }
}
