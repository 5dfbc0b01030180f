import type { CheckpointRecord } from '../store/types.ts';

/** What the checkpoints of an attempt cost, for its log. */
export class CheckpointCosts {
  private count = 0;
  private seconds = 0;

  /** @param seconds from reading the state out to having it stored @returns size and time, in words */
  add({ files }: CheckpointRecord, seconds: number): string {
    this.count++;
    this.seconds += seconds;
    const bytes = Object.values(files).reduce((sum, { size }) => sum + size, 0);
    return `${(bytes / 2 ** 20).toFixed(1)} MiB in ${seconds.toPrecision(2)} s`;
  }

  /** To be appended to what is said of the whole attempt; empty when nothing was saved. */
  summary(): string {
    if (this.count === 0) return '';
    const checkpoints = this.count === 1 ? '1 checkpoint' : `${this.count} checkpoints`;
    return `; ${checkpoints} in this attempt took ${this.seconds.toPrecision(2)} s`;
  }
}
