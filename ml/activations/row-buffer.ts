import type { ShardIndex } from './types.ts';

type Numbers = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Puts a full shard on disk. `rows` is only lent. */
export type StoreShard<T> = (rows: T, shard: number) => ShardIndex;

/** Rows of `width` numbers that wait for their shard to be full, and the shards before them. */
export class RowBuffer<T extends Numbers> {
  readonly shards: ShardIndex[] = [];
  private used = 0;

  /** @param buffer as long as a shard */
  constructor(
    private readonly buffer: T,
    private readonly width: number,
    private readonly store: StoreShard<T>,
  ) {}

  /** Rows so far. */
  get rows(): number {
    return this.shards.reduce((sum, { rows }) => sum + rows, this.used / this.width);
  }

  /** Those that wait. */
  held(): T {
    return this.buffer.subarray(0, this.used) as T;
  }

  append(rows: Float32Array | Int32Array): void {
    for (let read = 0; read < rows.length; ) {
      const count = Math.min(rows.length - read, this.buffer.length - this.used);
      this.buffer.set(rows.subarray(read, read + count), this.used);
      this.used += count;
      read += count;
      if (this.used === this.buffer.length) this.flush();
    }
  }

  flush(): void {
    if (this.used === 0) return;
    this.shards.push(this.store(this.held(), this.shards.length));
    this.used = 0;
  }

  restore(shards: readonly ShardIndex[], held: Float32Array | Int32Array): void {
    this.shards.splice(0, this.shards.length, ...shards);
    this.buffer.set(held);
    this.used = held.length;
  }
}
