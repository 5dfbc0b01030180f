import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, writeSafetensors } from '../models/safetensors.ts';
import type { HookSite } from '../models/types.ts';
import type { ActivationsIndex, LayerIndex } from './types.ts';

export interface WriterOptions {
  directory: string;
  layers: readonly number[];
  site: HookSite;
  width: number;
  /** Bytes of one shard; each layer holds so much in memory. */
  shardBytes?: number;
}

/** What a resumed capture needs to go on writing. Tensors by name, and the rest. */
export interface WriterState {
  tensors: Record<string, { dtype: 'F32' | 'I32'; shape: number[]; data: Float32Array | Int32Array }>;
  rows: number;
  sums: { layer: number; sum: number[]; squares: number }[];
}

const DEFAULT_SHARD_BYTES = 32 * 1024 * 1024;

/** Writes an `activations` artifact shard by shard, in bounded memory. */
export class ActivationsWriter {
  private readonly layers: LayerBuffer[];
  private readonly origin = { token: [] as number[], text: [] as number[], position: [] as number[] };
  private readonly rowsPerShard: number;

  constructor(private readonly options: WriterOptions) {
    const bytes = options.shardBytes ?? DEFAULT_SHARD_BYTES;
    this.rowsPerShard = Math.max(1, Math.floor(bytes / (4 * options.width)));
    mkdirSync(options.directory, { recursive: true });
    this.layers = options.layers.map((layer) => new LayerBuffer(layer, options.width, this.rowsPerShard));
  }

  get rows(): number {
    return this.origin.token.length;
  }

  /** Where the next rows came from; their activations follow by `append`, layer by layer, in the same order. */
  note(token: number, text: number, position: number): void {
    this.origin.token.push(token);
    this.origin.text.push(text);
    this.origin.position.push(position);
  }

  append(layer: number, acts_RD: Float32Array): void {
    const buffer = this.layers.find((candidate) => candidate.layer === layer);
    if (!buffer) throw new RangeError(`Layer ${layer} is not being captured`);
    buffer.append(acts_RD, (shard, rows_RD) => this.writeShard(layer, shard, rows_RD));
  }

  finish(rest: Pick<ActivationsIndex, 'model' | 'source'>): ActivationsIndex {
    const { directory, site, width } = this.options;
    for (const buffer of this.layers)
      buffer.flush((shard, rows_RD) => this.writeShard(buffer.layer, shard, rows_RD));
    const { rows } = this;
    const layers = this.layers.map((buffer): LayerIndex => {
      const meanSquareNorm = buffer.squares / rows;
      return {
        layer: buffer.layer,
        meanSquareNorm,
        scale: meanSquareNorm > 0 ? 1 / Math.sqrt(meanSquareNorm) : 1,
        shards: buffer.shards.map((count, shard) => ({ file: shardFile(buffer.layer, shard), rows: count })),
      };
    });
    const column = (values: number[]) => ({
      dtype: 'I32' as const,
      shape: [rows],
      data: Int32Array.from(values),
    });
    writeSafetensors(join(directory, 'rows.safetensors'), {
      token: column(this.origin.token),
      text: column(this.origin.text),
      position: column(this.origin.position),
    });
    const means = this.layers.map((buffer) => [
      `mean.${buffer.layer}`,
      { dtype: 'F32' as const, shape: [width], data: Float32Array.from(buffer.sum_D, (sum) => sum / rows) },
    ]);
    writeSafetensors(join(directory, 'statistics.safetensors'), Object.fromEntries(means));
    const index: ActivationsIndex = { format: 1, site, width, rows, layers, ...rest };
    writeFileSync(join(directory, 'activations.json'), `${JSON.stringify(index, null, 2)}\n`);
    return index;
  }

  /** Everything written so far, read back. */
  save(): WriterState {
    const { directory, width } = this.options;
    const tensors: WriterState['tensors'] = {};
    for (const [name, values] of Object.entries(this.origin)) {
      tensors[`rows.${name}`] = { dtype: 'I32', shape: [values.length], data: Int32Array.from(values) };
    }
    for (const { layer, shards, held_RD } of this.layers) {
      shards.forEach((rows, shard) => {
        const file = decodeSafetensors(readFileSync(join(directory, shardFile(layer, shard))));
        const data = file.get('acts')?.data as Float32Array;
        tensors[`layer.${layer}.shard.${shard}`] = { dtype: 'F32', shape: [rows, width], data };
      });
      tensors[`layer.${layer}.held`] = {
        dtype: 'F32',
        shape: [held_RD.length / width, width],
        data: held_RD.slice(),
      };
    }
    const sums = this.layers.map(({ layer, sum_D, squares }) => ({ layer, sum: Array.from(sum_D), squares }));
    return { tensors, rows: this.rows, sums };
  }

  restore(state: WriterState): void {
    const { tensors } = state;
    for (const [name, values] of Object.entries(this.origin)) {
      values.length = 0;
      for (const value of (tensors[`rows.${name}`] as { data: Int32Array }).data) values.push(value);
    }
    for (const buffer of this.layers) {
      buffer.reset();
      for (let shard = 0; ; shard++) {
        const stored = tensors[`layer.${buffer.layer}.shard.${shard}`];
        if (!stored) break;
        buffer.append(stored.data as Float32Array, (index, rows_RD) =>
          this.writeShard(buffer.layer, index, rows_RD),
        );
      }
      buffer.append((tensors[`layer.${buffer.layer}.held`] as { data: Float32Array }).data, () => {
        throw new Error('A partial shard cannot be full');
      });
      const sums = state.sums.find((entry) => entry.layer === buffer.layer);
      buffer.sum_D.set(sums?.sum ?? []);
      buffer.squares = sums?.squares ?? 0;
    }
  }

  private writeShard(layer: number, shard: number, rows_RD: Float32Array): void {
    const { directory, width } = this.options;
    writeSafetensors(join(directory, shardFile(layer, shard)), {
      acts: { dtype: 'F32', shape: [rows_RD.length / width, width], data: rows_RD },
    });
  }
}

const shardFile = (layer: number, shard: number) =>
  `layer-${layer}-${String(shard).padStart(4, '0')}.safetensors`;

type WriteShard = (shard: number, rows_RD: Float32Array) => void;

/** One layer's rows that wait for their shard to be full, and its running sums. */
class LayerBuffer {
  readonly shards: number[] = [];
  readonly sum_D: Float64Array;
  squares = 0;
  private readonly buffer_RD: Float32Array;
  private used = 0;

  constructor(
    readonly layer: number,
    private readonly width: number,
    rowsPerShard: number,
  ) {
    this.buffer_RD = new Float32Array(rowsPerShard * width);
    this.sum_D = new Float64Array(width);
  }

  get held_RD(): Float32Array {
    return this.buffer_RD.subarray(0, this.used);
  }

  append(acts_RD: Float32Array, write: WriteShard): void {
    for (let start = 0; start < acts_RD.length; start += this.width) {
      for (let d = 0; d < this.width; d++) {
        const value = acts_RD[start + d]!;
        this.sum_D[d]! += value;
        this.squares += value * value;
      }
    }
    for (let read = 0; read < acts_RD.length; ) {
      const count = Math.min(acts_RD.length - read, this.buffer_RD.length - this.used);
      this.buffer_RD.set(acts_RD.subarray(read, read + count), this.used);
      this.used += count;
      read += count;
      if (this.used === this.buffer_RD.length) this.flush(write);
    }
  }

  flush(write: WriteShard): void {
    if (this.used === 0) return;
    write(this.shards.length, this.held_RD);
    this.shards.push(this.used / this.width);
    this.used = 0;
  }

  reset(): void {
    this.shards.length = 0;
    this.used = 0;
    this.sum_D.fill(0);
    this.squares = 0;
  }
}
