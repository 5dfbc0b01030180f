import { readFileSync, writeFileSync } from 'node:fs';
import { decodeTensor, type StoredType, type TensorValues } from './safetensors-types.ts';

/**
 * The safetensors format: 8 bytes with the length of a JSON header (little endian), the header
 * (`{"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {...}}`), then the data, without holes or
 * overlaps. Source: https://github.com/huggingface/safetensors, README and safetensors/src/tensor.rs.
 */
export interface TensorEntry {
  name: string;
  dtype: StoredType;
  shape: number[];
  /** In bytes, from the start of the data. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  tensors: Map<string, TensorEntry>;
  metadata: Record<string, string>;
  /** Where the data starts in the file. */
  dataStart: number;
}

export class SafetensorsError extends Error {
  override name = 'SafetensorsError';

  constructor(
    message: string,
    /** What to do about it, where that is not plain from the message. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

const LENGTH_BYTES = 8;
/** As the reference implementation: a longer header is an attack or not a safetensors file. */
const MAX_HEADER = 100_000_000;
export const STORED_BYTES: Record<StoredType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Length of the JSON header, from the first 8 bytes of a file of `size` bytes. `where` names the file in errors. */
export function headerLength(start: Uint8Array, size: number, where: string): number {
  if (size < LENGTH_BYTES || start.length < LENGTH_BYTES) {
    throw new SafetensorsError(`${where} is not a safetensors file: it has only ${size} bytes`);
  }
  const length = Number(new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  if (length > MAX_HEADER)
    throw new SafetensorsError(`${where} is not a safetensors file: it claims a header of ${length} bytes`);
  if (LENGTH_BYTES + length > size) {
    throw new SafetensorsError(
      `${where} is truncated: its header needs ${length} bytes, the file has ${size} in all`,
    );
  }
  return length;
}

/** Parses and checks the header: every tensor inside the data, none overlapping, no holes, sizes as declared. */
export function parseHeader(json: Uint8Array, size: number, where: string): SafetensorsHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw new SafetensorsError(`${where}: the header is not JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new SafetensorsError(`${where}: the header is not a JSON object`);
  }
  const { __metadata__: metadata = {}, ...rest } = parsed as Record<string, unknown>;
  checkMetadata(metadata, where);
  const entries = Object.entries(rest).map(([name, value]) => parseEntry(name, value, where));
  const dataStart = LENGTH_BYTES + json.length;
  checkLayout(entries, size - dataStart, where);
  return {
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
    metadata,
    dataStart,
  };
}

function checkMetadata(metadata: unknown, where: string): asserts metadata is Record<string, string> {
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  if (!isObject || Object.values(metadata).some((value) => typeof value !== 'string'))
    throw new SafetensorsError(`${where}: __metadata__ is not an object of strings`);
}

function parseEntry(name: string, value: unknown, where: string): TensorEntry {
  const fail = (what: string): never => {
    throw new SafetensorsError(`${where}: tensor ${name}: ${what}`);
  };
  const natural = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  if (typeof dtype !== 'string') return fail('has no dtype');
  if (!Object.hasOwn(STORED_BYTES, dtype))
    return fail(
      `has the dtype ${dtype}, which is not supported (${Object.keys(STORED_BYTES).join(', ')} are)`,
    );
  if (!Array.isArray(shape) || !shape.every(natural)) return fail(`has the shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(natural))
    return fail(`has the data_offsets ${JSON.stringify(offsets)}`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product: number, n: number) => product * n, STORED_BYTES[dtype as StoredType]);
  if (end - begin !== bytes)
    return fail(
      `${dtype} [${shape}] takes ${bytes} bytes, but its data_offsets [${begin}, ${end}] span ${end - begin}`,
    );
  return { name, dtype: dtype as StoredType, shape, begin, end };
}

function checkLayout(entries: TensorEntry[], available: number, where: string): void {
  let position = 0;
  let previous = 'the header';
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin < position)
      throw new SafetensorsError(`${where}: tensor ${entry.name} overlaps ${previous}`);
    if (entry.begin > position)
      throw new SafetensorsError(
        `${where}: ${entry.begin - position} bytes between ${previous} and tensor ${entry.name} belong to no tensor`,
      );
    if (entry.end > available) {
      throw new SafetensorsError(
        `${where} is truncated: tensor ${entry.name} ends at byte ${entry.end} of the data, which has ${Math.max(0, available)}`,
      );
    }
    position = entry.end;
    previous = `tensor ${entry.name}`;
  }
  if (position !== available)
    throw new SafetensorsError(
      `${where}: ${available - position} bytes after ${previous} belong to no tensor`,
    );
}

/**
 * All tensors of a file held in memory. F16 and BF16 come as Float32Array, I64 as Int32Array; the result never shares
 * memory with `bytes`.
 * @throws SafetensorsError naming the file and the tensor.
 */
export function decodeSafetensors(bytes: Uint8Array, where = 'safetensors'): Map<string, TensorValues> {
  const length = headerLength(bytes, bytes.length, where);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), bytes.length, where);
  const values = new Map<string, TensorValues>();
  for (const entry of header.tensors.values()) {
    const data = bytes.subarray(header.dataStart + entry.begin, header.dataStart + entry.end);
    values.set(entry.name, decodeTensor(entry, data, where));
  }
  return values;
}

export interface WritableTensor {
  dtype: 'F32' | 'F16' | 'I32';
  shape: readonly number[];
  /** F16: the bits of the numbers (half.ts). */
  data: Float32Array | Uint16Array | Int32Array;
}

/**
 * The bytes of a safetensors file: tensors sorted by name, so that equal content gives equal bytes.
 * @throws SafetensorsError when a shape does not fit its data.
 */
export function encodeSafetensors(
  tensors: Record<string, WritableTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const { prefix, order, size } = encodeHeader(tensors, metadata);
  const bytes = new Uint8Array(prefix.length + size);
  bytes.set(prefix);
  let position = prefix.length;
  for (const name of order) {
    const { data } = tensors[name] as WritableTensor;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/** Length, header and padding, as they stand before the data; the order of the tensors in it; and the data's size in bytes. */
export function encodeHeader(
  tensors: Record<string, Pick<WritableTensor, 'dtype' | 'shape'> & Partial<Pick<WritableTensor, 'data'>>>,
  metadata: Record<string, string> = {},
): { prefix: Uint8Array; order: string[]; size: number } {
  const order = Object.keys(tensors).sort();
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) {
    header.__metadata__ = Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  let position = 0;
  for (const name of order) {
    const { dtype, shape, data } = tensors[name] as (typeof tensors)[string];
    if (name === '__metadata__') throw new SafetensorsError('A tensor cannot be called __metadata__');
    const elements = shape.reduce((product, n) => product * n, 1);
    if (data && elements !== data.length)
      throw new SafetensorsError(
        `Tensor ${name}: shape [${shape}] has ${elements} elements, its data ${data.length}`,
      );
    header[name] = { dtype, shape, data_offsets: [position, position + elements * STORED_BYTES[dtype]] };
    position += elements * STORED_BYTES[dtype];
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Spaces up to a multiple of 64 bytes of the file keep the data aligned, so that readers can map it (mapped-floats.ts).
  const padded = Math.ceil((LENGTH_BYTES + json.length) / 64) * 64 - LENGTH_BYTES;
  const prefix = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(padded), true);
  prefix.set(json, LENGTH_BYTES);
  return { prefix, order, size: position };
}

/** `decodeSafetensors` of a small file. For models use safetensors-file.ts, which reads tensor by tensor. */
export function readSafetensors(path: string): Map<string, TensorValues> {
  return decodeSafetensors(readFileSync(path), path);
}

/** `encodeSafetensors` to a file. */
export function writeSafetensors(
  path: string,
  tensors: Record<string, WritableTensor>,
  metadata?: Record<string, string>,
): void {
  writeFileSync(path, encodeSafetensors(tensors, metadata));
}
