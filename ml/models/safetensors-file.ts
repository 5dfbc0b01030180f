import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import {
  encodeHeader,
  headerLength,
  parseHeader,
  SafetensorsError,
  type SafetensorsHeader,
  STORED_BYTES,
  type TensorEntry,
  type WritableTensor,
} from './safetensors.ts';
import { decodeBuffer, decodeFloats, type TensorValues } from './safetensors-types.ts';

/** A safetensors file read tensor by tensor: never more than one tensor beyond those that the caller keeps is in memory. */
export class SafetensorsFile {
  private scratch = new Uint8Array(0);

  private constructor(
    readonly path: string,
    /** Bytes of the whole file. */
    readonly size: number,
    private readonly descriptor: number,
    readonly header: SafetensorsHeader,
  ) {}

  static open(path: string): SafetensorsFile {
    const descriptor = openSync(path, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const start = readExactly(descriptor, 0, new Uint8Array(Math.min(8, size)), path);
      const length = headerLength(start, size, path);
      const json = readExactly(descriptor, 8, new Uint8Array(length), path);
      return new SafetensorsFile(path, size, descriptor, parseHeader(json, size, path));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  read(name: string): TensorValues {
    const entry = this.entry(name);
    const bytes = new Uint8Array(entry.end - entry.begin);
    readExactly(this.descriptor, this.header.dataStart + entry.begin, bytes, `${this.path}: tensor ${name}`);
    return decodeBuffer(entry, bytes.buffer, this.path);
  }

  /** Values of a tensor of floating-point numbers, from element `start` on, without a copy of the tensor. */
  readInto(name: string, start: number, into: Float32Array): void {
    const entry = this.entry(name);
    const { dtype } = entry;
    if (dtype !== 'F32' && dtype !== 'F64' && dtype !== 'F16' && dtype !== 'BF16')
      throw new SafetensorsError(`${this.path}: tensor ${name} holds ${dtype}, not floating-point numbers`);
    const width = STORED_BYTES[dtype];
    const begin = entry.begin + start * width;
    const length = into.length * width;
    if (begin + length > entry.end)
      throw new RangeError(`Elements ${start} to ${start + into.length} lie beyond tensor ${name}`);
    const position = this.header.dataStart + begin;
    if (dtype === 'F32') {
      const bytes = new Uint8Array(into.buffer, into.byteOffset, length);
      readExactly(this.descriptor, position, bytes, `${this.path}: tensor ${name}`);
      return;
    }
    if (this.scratch.length < length) this.scratch = new Uint8Array(length);
    readExactly(this.descriptor, position, this.scratch.subarray(0, length), `${this.path}: tensor ${name}`);
    decodeFloats(dtype, this.scratch.buffer, into);
  }

  private entry(name: string): TensorEntry {
    const entry = this.header.tensors.get(name);
    if (!entry) throw new SafetensorsError(`${this.path}: there is no tensor ${name}`);
    return entry;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function readExactly<T extends Uint8Array>(descriptor: number, position: number, bytes: T, what: string): T {
  let read = 0;
  while (read < bytes.length) {
    const count = readSync(descriptor, bytes, read, bytes.length - read, position + read);
    if (count === 0)
      throw new SafetensorsError(`${what} is truncated: the file ends at byte ${position + read}`);
    read += count;
  }
  return bytes;
}

/** What is written: the values, or where they come from when their turn is. */
export type TensorSource = WritableTensor | { dtype: 'F32'; shape: readonly number[]; read(): Float32Array };

/**
 * Writes tensor by tensor, with the same bytes as `encodeSafetensors`, but without a second copy of the model in memory. A file
 * that was there is replaced, not written into: a model that is mapped from it (mapped-floats.ts) keeps what it has.
 */
export function writeSafetensorsFile(
  path: string,
  tensors: Record<string, TensorSource>,
  metadata?: Record<string, string>,
): void {
  const { prefix, order } = encodeHeader(tensors, metadata);
  const partial = `${path}.partial`;
  const descriptor = openSync(partial, 'w');
  try {
    writeAll(descriptor, prefix);
    for (const name of order) {
      const tensor = tensors[name] as TensorSource;
      const data = 'data' in tensor ? tensor.data : tensor.read();
      writeAll(descriptor, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  } finally {
    closeSync(descriptor);
  }
  renameSync(partial, path);
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}
