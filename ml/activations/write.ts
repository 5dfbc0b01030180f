import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../failure.ts';
import { halvesOf } from '../models/half.ts';
import { writeSafetensors } from '../models/safetensors.ts';
import { floatsOf } from '../models/safetensors-types.ts';
import { RowBuffer } from './row-buffer.ts';
import { activationsFile, ORIGINS_PER_SHARD, originsFile, rowsPerShard, writeShard } from './shards.ts';
import type { ActivationsIndex, CaptureIndex, Place, ShardIndex, StoredDtype } from './types.ts';

export interface WriterOptions {
  directory: string;
  places: readonly Place[];
  width: number;
  dtype: StoredDtype;
  /** Bytes of one shard, at most; the writer holds one a place in memory (in f32). */
  shardBytes: number;
}

/** What a resumed capture needs to go on writing: what is in no shard yet, the shards by name, and the rest. */
export interface WriterState {
  tensors: Record<string, { dtype: 'F32' | 'I32'; shape: number[]; data: Float32Array | Int32Array }>;
  json: {
    origins: ShardIndex[];
    captures: { shards: ShardIndex[]; sum: number[]; squares: number }[];
  };
  files: Record<string, string>;
}

/** token, text, position */
const ORIGIN = 3;

/** Writes an `activations` artifact shard by shard, in bounded memory. */
export class ActivationsWriter {
  private readonly captures: PlaceWriter[];
  private readonly origins: RowBuffer<Int32Array<ArrayBuffer>>;

  constructor(private readonly options: WriterOptions) {
    mkdirSync(options.directory, { recursive: true });
    this.captures = options.places.map((place) => new PlaceWriter(place, options));
    this.origins = new RowBuffer(new Int32Array(ORIGINS_PER_SHARD * ORIGIN), ORIGIN, (rows_R3, shard) => {
      const rows = rows_R3.length / ORIGIN;
      const column = (at: number) => ({
        dtype: 'I32' as const,
        shape: [rows],
        data: Int32Array.from({ length: rows }, (_, row) => rows_R3[row * ORIGIN + at]!),
      });
      return writeShard(options.directory, originsFile(shard), rows, {
        token: column(0),
        text: column(1),
        position: column(2),
      });
    });
  }

  get rows(): number {
    return this.origins.rows;
  }

  /** Where the next row came from; its activations follow by `append`, in the same order. */
  note(token: number, text: number, position: number): void {
    this.origins.append(Int32Array.of(token, text, position));
  }

  /** @param acts_RD of the places, in their order */
  append(acts_RD: readonly Float32Array[]): void {
    this.captures.forEach((capture, i) => {
      capture.append(acts_RD[i]!);
    });
  }

  finish(rest: Pick<ActivationsIndex, 'model' | 'source'>): ActivationsIndex {
    const { directory, width, dtype } = this.options;
    const { rows } = this;
    this.origins.flush();
    const captures = this.captures.map((capture) => capture.finish(rows));
    const means = this.captures.map(({ place: { site, layer }, sum_D }) => [
      `mean.${site}.${layer}`,
      { dtype: 'F32' as const, shape: [width], data: Float32Array.from(sum_D, (sum) => sum / rows) },
    ]);
    writeSafetensors(join(directory, 'statistics.safetensors'), Object.fromEntries(means));
    const { shards: origins } = this.origins;
    const index: ActivationsIndex = { format: 2, width, rows, dtype, captures, origins, ...rest };
    writeFileSync(join(directory, 'activations.json'), `${JSON.stringify(index, null, 2)}\n`);
    return index;
  }

  /** The finished shards by reference; only what is in none yet is copied. */
  save(): WriterState {
    const { directory, width } = this.options;
    const held = this.origins.held();
    const shape = [held.length / ORIGIN, ORIGIN];
    const tensors: WriterState['tensors'] = { origins: { dtype: 'I32', shape, data: held.slice() } };
    this.captures.forEach(({ buffer }, i) => {
      const data = buffer.held().slice();
      tensors[`capture.${i}`] = { dtype: 'F32', shape: [data.length / width, width], data };
    });
    const captures = this.captures.map(({ buffer: { shards }, sum_D, squares }) => {
      return { shards: [...shards], sum: Array.from(sum_D), squares };
    });
    const json = { origins: [...this.origins.shards], captures };
    const files = allShards(json).map(({ file }) => [file, join(directory, file)]);
    return { tensors, json, files: Object.fromEntries(files) };
  }

  restore({ tensors, json, files }: WriterState): void {
    for (const { file } of allShards(json)) share(files[file]!, join(this.options.directory, file));
    this.origins.restore(json.origins, tensors.origins!.data);
    this.captures.forEach((capture, i) => {
      const { shards, sum, squares } = json.captures[i]!;
      capture.buffer.restore(shards, tensors[`capture.${i}`]!.data);
      capture.sum_D.set(sum);
      capture.squares = squares;
    });
  }
}

const allShards = ({ origins, captures }: WriterState['json']): ShardIndex[] => [
  ...origins,
  ...captures.flatMap(({ shards }) => shards),
];

/** Shards do not change any more, so a second name of the same file will do, where the file system has such. */
function share(from: string, to: string): void {
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** The rows of one place, and their running sums. */
class PlaceWriter {
  readonly buffer: RowBuffer<Float32Array<ArrayBuffer>>;
  readonly sum_D: Float64Array;
  squares = 0;

  constructor(
    readonly place: Place,
    private readonly options: WriterOptions,
  ) {
    const { directory, width, dtype, shardBytes } = options;
    this.sum_D = new Float64Array(width);
    const length = rowsPerShard(shardBytes, width, dtype) * width;
    this.buffer = new RowBuffer(new Float32Array(length), width, (rows_RD, shard) => {
      const shape = [rows_RD.length / width, width];
      const acts =
        dtype === 'f32'
          ? { dtype: 'F32' as const, shape, data: rows_RD }
          : { dtype: 'F16' as const, shape, data: halvesOf(rows_RD) };
      return writeShard(directory, activationsFile(place, shard), shape[0]!, { acts });
    });
  }

  append(acts_RD: Float32Array): void {
    const stored_RD = this.options.dtype === 'f32' ? acts_RD : this.rounded(acts_RD);
    const { sum_D } = this;
    let { squares } = this;
    for (let start = 0; start < stored_RD.length; start += sum_D.length) {
      for (let d = 0; d < sum_D.length; d++) {
        const value = stored_RD[start + d]!;
        sum_D[d]! += value;
        squares += value * value;
      }
    }
    this.squares = squares;
    this.buffer.append(stored_RD);
  }

  finish(rows: number): CaptureIndex {
    this.buffer.flush();
    const meanSquareNorm = this.squares / rows;
    return {
      ...this.place,
      meanSquareNorm,
      scale: meanSquareNorm > 0 ? 1 / Math.sqrt(meanSquareNorm) : 1,
      shards: this.buffer.shards,
    };
  }

  /** As f16 will give them back. */
  private rounded(acts_RD: Float32Array): Float32Array {
    const rounded_RD = floatsOf(halvesOf(acts_RD));
    if (rounded_RD.every(Number.isFinite)) return rounded_RD;
    const { site, layer } = this.place;
    throw new ComputeError(
      'bad-parameter',
      `Activations of ${site} of layer ${layer} are too large for f16`,
      {
        hint: 'capture them with `dtype: f32`',
      },
    );
  }
}
