import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SafetensorsFile } from '../models/safetensors-file.ts';
import { activationsFile, rowsPerShard } from './shards.ts';
import type { Place } from './types.ts';
import type { WriterOptions } from './write.ts';

/**
 * The shards that are left of a damaged artifact of the same capture, each whole. What they hold need not be computed
 * again: read back and written anew, they give the same bytes.
 */
export class SalvagedShards {
  private readonly perShard: number;

  /** @param options of the capture; `directory` is where the shards that are left lie */
  constructor(private readonly options: WriterOptions) {
    this.perShard = rowsPerShard(options.shardBytes, options.width, options.dtype);
  }

  /** Rows [start, end) at every place; null when a shard that holds some of them is gone. */
  rows(start: number, end: number): Float32Array[] | null {
    const { places } = this.options;
    if (end > start && places.some((place) => !this.holds(place, start, end))) return null;
    return places.map((place) => this.read(place, start, end));
  }

  private holds(place: Place, start: number, end: number): boolean {
    for (let shard = Math.floor(start / this.perShard); shard * this.perShard < end; shard++) {
      if (!existsSync(this.path(place, shard))) return false;
    }
    return true;
  }

  private read(place: Place, start: number, end: number): Float32Array {
    const { width } = this.options;
    const out_RD = new Float32Array((end - start) * width);
    for (let shard = Math.floor(start / this.perShard); shard * this.perShard < end; shard++) {
      const first = shard * this.perShard;
      const from = Math.max(start, first);
      const to = Math.min(end, first + this.perShard);
      const file = SafetensorsFile.open(this.path(place, shard));
      try {
        file.readInto(
          'acts',
          (from - first) * width,
          out_RD.subarray((from - start) * width, (to - start) * width),
        );
      } finally {
        file.close();
      }
    }
    return out_RD;
  }

  private path(place: Place, shard: number): string {
    return join(this.options.directory, activationsFile(place, shard));
  }
}
