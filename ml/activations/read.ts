import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../failure.ts';
import { readSafetensors, SafetensorsError } from '../models/safetensors.ts';
import { SafetensorsFile } from '../models/safetensors-file.ts';
import type { ActivationsIndex, LayerIndex } from './types.ts';

/** Where each row came from. [R] each. */
export interface RowOrigins {
  token: Int32Array;
  /** Index of the text (or triple) in its file. */
  text: Int32Array;
  position: Int32Array;
}

/** An `activations` artifact, read row range by row range: nothing is held but what is asked for. */
export interface Activations {
  readonly index: ActivationsIndex;
  /** Scale and size of one layer. @throws ComputeError bad-parameter when it was not captured */
  layer(layer: number): LayerIndex;
  /** Activations of rows [start, end) at `layer`: [end - start, D], row after row. */
  rows(layer: number, start: number, end: number): Float32Array;
  /** The mean over all rows. [D] */
  mean(layer: number): Float32Array;
  origins(): RowOrigins;
}

/** @throws ComputeError bad-data when the artifact is not whole */
export function openActivations(directory: string): Activations {
  const index = readIndex(directory);
  const shards = new Map<string, ShardReader>();
  const find = (layer: number): LayerIndex => {
    const found = index.layers.find((entry) => entry.layer === layer);
    if (found) return found;
    throw new ComputeError(
      'bad-parameter',
      `Layer ${layer} was not captured: ${index.layers.map((entry) => entry.layer)} were`,
      {
        hint: 'name one of the captured layers, or add it to `layers` of the activations.capture step',
      },
    );
  };
  const shard = (file: string): ShardReader => {
    let reader = shards.get(file);
    if (!reader) {
      reader = openShard(join(directory, file));
      shards.set(file, reader);
    }
    return reader;
  };
  return {
    index,
    layer: find,
    rows(layer, start, end) {
      if (!(start >= 0 && start <= end && end <= index.rows)) {
        throw new RangeError(`Rows ${start} to ${end} of ${index.rows}`);
      }
      const { width } = index;
      const out_RD = new Float32Array((end - start) * width);
      let first = 0;
      for (const { file, rows } of find(layer).shards) {
        const from = Math.max(start, first);
        const to = Math.min(end, first + rows);
        if (from < to)
          shard(file)(from - first, out_RD.subarray((from - start) * width, (to - start) * width));
        first += rows;
      }
      return out_RD;
    },
    mean: (layer) =>
      tensor(join(directory, 'statistics.safetensors'), `mean.${find(layer).layer}`) as Float32Array,
    origins() {
      const path = join(directory, 'rows.safetensors');
      const column = (name: string) => tensor(path, name) as Int32Array;
      return { token: column('token'), text: column('text'), position: column('position') };
    },
  };
}

/** Fills `out` with rows from `row` on. */
type ShardReader = (row: number, out_RD: Float32Array) => void;

function openShard(path: string): ShardReader {
  const file = damaged(path, () => SafetensorsFile.open(path));
  const entry = file.header.tensors.get('acts');
  const start = file.header.dataStart;
  file.close();
  if (entry?.dtype !== 'F32') throw new ComputeError('bad-data', `${path}: there is no F32 tensor \`acts\``);
  const width = entry.shape[1]!;
  return (row, out_RD) => {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(out_RD.buffer, out_RD.byteOffset, out_RD.byteLength);
      const at = start + entry.begin + row * width * 4;
      for (let read = 0; read < bytes.length; ) {
        const count = readSync(descriptor, bytes, read, bytes.length - read, at + read);
        if (count === 0) throw new ComputeError('bad-data', `${path} is truncated`);
        read += count;
      }
    } finally {
      closeSync(descriptor);
    }
  };
}

function readIndex(directory: string): ActivationsIndex {
  const path = join(directory, 'activations.json');
  const index = damaged(path, () => JSON.parse(readFileSync(path, 'utf8')) as ActivationsIndex);
  if (index.format !== 1) {
    throw new ComputeError('bad-data', `${path} has format ${index.format}, not 1`, {
      hint: 'capture the activations again',
    });
  }
  return index;
}

function tensor(path: string, name: string): Float32Array | Int32Array {
  const found = damaged(path, () => readSafetensors(path)).get(name);
  if (!found) throw new ComputeError('bad-data', `${path}: there is no tensor ${name}`);
  return found.data;
}

function damaged<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SafetensorsError) throw new ComputeError('bad-data', error.message);
    throw new ComputeError('bad-data', `${path}: ${(error as Error).message}`);
  }
}
