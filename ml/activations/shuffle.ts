import { stream } from '../random/stream.ts';

/**
 * The order in which training reads rows, without ever holding more than a buffer of them: each epoch, blocks of
 * consecutive rows are put in random order, as many as fill the buffer are read, and the rows in it are permuted. When all
 * rows fit the buffer, that is one permutation of all rows.
 *
 * The order is a function of (seed, name, epoch, buffer) alone, so a position in it needs no state beside its number.
 */
export interface RowOrderOptions {
  rows: number;
  /** Rows that fit the buffer. */
  buffer: number;
  /** Rows read in one piece. */
  block: number;
  /** null: the rows' own order. `name` names the streams. */
  shuffle: { seed: number; name: string } | null;
}

/** Which rows to read into a buffer, and in which order to hand them out. */
export interface BufferPlan {
  /** [start, end) rows to read, one after the other. */
  blocks: [number, number][];
  /** The i-th row handed out is the `order[i]`-th row read. */
  order: Int32Array;
}

export class RowOrder {
  readonly buffersPerEpoch: number;
  private readonly blocksPerBuffer: number;
  private readonly blocks: number;
  private current: { epoch: number; blocks: Int32Array } | null = null;

  constructor(private readonly options: RowOrderOptions) {
    const { rows, buffer, block } = options;
    if (!(rows >= 1 && buffer >= 1 && block >= 1)) {
      throw new RangeError('RowOrder: rows, buffer and block must be at least 1');
    }
    this.blocks = Math.ceil(rows / block);
    this.blocksPerBuffer = Math.max(1, Math.floor(buffer / block));
    this.buffersPerEpoch = Math.ceil(this.blocks / this.blocksPerBuffer);
  }

  plan(epoch: number, buffer: number): BufferPlan {
    const { rows, block } = this.options;
    const start = buffer * this.blocksPerBuffer;
    const chosen = this.blocksOf(epoch).subarray(start, start + this.blocksPerBuffer);
    const blocks = Array.from(chosen, (b): [number, number] => [b * block, Math.min(rows, (b + 1) * block)]);
    const held = blocks.reduce((sum, [from, to]) => sum + to - from, 0);
    return { blocks, order: this.permutation(held, `epoch-${epoch}/buffer-${buffer}`) };
  }

  private blocksOf(epoch: number): Int32Array {
    if (this.current?.epoch !== epoch) {
      this.current = { epoch, blocks: this.permutation(this.blocks, `epoch-${epoch}`) };
    }
    return this.current.blocks;
  }

  private permutation(n: number, name: string): Int32Array {
    const { shuffle } = this.options;
    if (shuffle) return stream(shuffle.seed, `${shuffle.name}/${name}`).permutation(n);
    return Int32Array.from({ length: n }, (_, i) => i);
  }
}
