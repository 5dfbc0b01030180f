import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TorchFileError } from './error.ts';

/**
 * The zip archive that `torch.save` writes: entries stored without compression, their directory at the end, ZIP64 where sizes
 * need it (PKWARE APPNOTE 6.3.10, sections 4.3.6 to 4.3.16; PyTorch, caffe2/serialize/inline_container.cc). Only the bytes
 * asked for are read.
 */
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
/** The longest comment that may stand behind the end record. */
const MAX_COMMENT = 0xffff;
/** A checkpoint has some entries a tensor; more is no checkpoint. */
const MAX_DIRECTORY = 64 * 2 ** 20;
/** A 32-bit field whose value stands in the ZIP64 part. */
const ELSEWHERE = 0xffffffff;

interface Entry {
  size: number;
  /** Where its local header starts. */
  offset: number;
}

export class TorchArchive {
  private constructor(
    readonly path: string,
    private readonly descriptor: number,
    private readonly size: number,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** @throws TorchFileError when it is no such archive */
  static open(path: string): TorchArchive {
    const descriptor = openSync(path, 'r');
    try {
      const { size } = fstatSync(descriptor);
      return new TorchArchive(path, descriptor, size, directoryOf(descriptor, size, path));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  /** Bytes of an entry; undefined when there is none of that name. */
  sizeOf(name: string): number | undefined {
    return this.entries.get(name)?.size;
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    const entry = this.entries.get(name);
    if (!entry) throw new TorchFileError(`${this.path} is damaged: it has no entry ${name}`);
    const header = view(readAt(this.descriptor, this.size, entry.offset, LOCAL_BYTES, this.path));
    if (header.getUint32(0, true) !== LOCAL)
      throw new TorchFileError(`${this.path} is damaged: entry ${name} is not where its directory says`);
    const start = entry.offset + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
    return readAt(this.descriptor, this.size, start, entry.size, this.path);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function directoryOf(descriptor: number, size: number, path: string): Map<string, Entry> {
  const { count, start, length } = findDirectory(descriptor, size, path);
  if (length > MAX_DIRECTORY)
    throw new TorchFileError(`${path} is no checkpoint: its directory takes ${length} bytes`);
  const bytes = readAt(descriptor, size, start, length, path);
  const entries = new Map<string, Entry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { name, entry, next } = readEntry(bytes, at, path);
    if (entries.has(name)) throw new TorchFileError(`${path} is damaged: it has two entries ${name}`);
    entries.set(name, entry);
    at = next;
  }
  return entries;
}

/** Where the central directory lies: from the record at the file's end, or the ZIP64 one before that. */
function findDirectory(
  descriptor: number,
  size: number,
  path: string,
): { count: number; start: number; length: number } {
  const tailBytes = Math.min(size, END_BYTES + MAX_COMMENT + LOCATOR_BYTES);
  const tail = view(readAt(descriptor, size, size - tailBytes, tailBytes, path));
  let at = tailBytes - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0)
    throw new TorchFileError(
      `${path} is not a checkpoint of torch.save, or is truncated: it is no zip archive`,
      'files of PyTorch before 1.6 are: torch.save(torch.load(FILE), FILE) writes them anew',
    );
  const locator = at - LOCATOR_BYTES;
  if (locator >= 0 && tail.getUint32(locator, true) === END_64_LOCATOR) {
    const record = view(readAt(descriptor, size, wide(tail, locator + 8, path), 56, path));
    if (record.getUint32(0, true) !== END_64)
      throw new TorchFileError(`${path} is damaged: its ZIP64 record is missing`);
    return { count: wide(record, 32, path), length: wide(record, 40, path), start: wide(record, 48, path) };
  }
  return {
    count: tail.getUint16(at + 10, true),
    length: tail.getUint32(at + 12, true),
    start: tail.getUint32(at + 16, true),
  };
}

function readEntry(
  bytes: Uint8Array,
  at: number,
  path: string,
): { name: string; entry: Entry; next: number } {
  const damaged = () => new TorchFileError(`${path} is damaged: its directory does not parse`);
  if (at + ENTRY_BYTES > bytes.length) throw damaged();
  const directory = view(bytes);
  if (directory.getUint32(at, true) !== ENTRY) throw damaged();
  const nameEnd = at + ENTRY_BYTES + directory.getUint16(at + 28, true);
  const extraEnd = nameEnd + directory.getUint16(at + 30, true);
  const next = extraEnd + directory.getUint16(at + 32, true);
  if (next > bytes.length) throw damaged();
  const name = new TextDecoder().decode(bytes.subarray(at + ENTRY_BYTES, nameEnd));
  const encrypted = (directory.getUint16(at + 8, true) & 1) !== 0;
  if (directory.getUint16(at + 10, true) !== 0 || encrypted)
    throw new TorchFileError(
      `${path}: entry ${name} is compressed or encrypted, which torch.save never writes`,
    );
  const stored = directory.getUint32(at + 20, true);
  const plain = directory.getUint32(at + 24, true);
  const offset = directory.getUint32(at + 42, true);
  // The ZIP64 part lists those values, in this order, that do not stand in their fields.
  let extra = extra64(directory, nameEnd, extraEnd, path);
  const value = (field: number): number => {
    if (field !== ELSEWHERE) return field;
    if (extra === null || extra + 8 > extraEnd) throw damaged();
    extra += 8;
    return wide(directory, extra - 8, path);
  };
  const size = value(plain);
  if (value(stored) !== size) throw damaged();
  return { name, entry: { size, offset: value(offset) }, next };
}

/** Where the values of the ZIP64 extra field start, within [from, to); null without one. */
function extra64(directory: DataView, from: number, to: number, path: string): number | null {
  for (let at = from; at + 4 <= to; at += 4 + directory.getUint16(at + 2, true)) {
    if (directory.getUint16(at, true) !== 1) continue;
    if (at + 4 + directory.getUint16(at + 2, true) > to)
      throw new TorchFileError(`${path} is damaged: its directory does not parse`);
    return at + 4;
  }
  return null;
}

function wide(from: DataView, at: number, path: string): number {
  const value = Number(from.getBigUint64(at, true));
  if (!Number.isSafeInteger(value))
    throw new TorchFileError(`${path} is damaged: it claims a size of ${value} bytes`);
  return value;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readAt(
  descriptor: number,
  size: number,
  position: number,
  length: number,
  path: string,
): Uint8Array<ArrayBuffer> {
  // Before anything is allocated: lengths come from the file.
  if (position + length > size)
    throw new TorchFileError(
      `${path} is truncated or damaged: bytes ${position} to ${position + length} are beyond its end at ${size}`,
    );
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const count = readSync(descriptor, bytes, read, length - read, position + read);
    if (count === 0) throw new TorchFileError(`${path} became shorter while it was read`);
    read += count;
  }
  return bytes;
}
