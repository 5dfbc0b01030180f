import { STORED_BYTES } from '../models/safetensors.ts';
import { decodeTensor, type StoredType, type TensorValues } from '../models/safetensors-types.ts';
import { TorchArchive } from './archive.ts';
import { TorchFileError } from './error.ts';
import { PickledTensor, readPickle } from './pickle.ts';

/** How the elements of torch's storages are kept. */
const STORED: ReadonlyMap<string, StoredType> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
]);
/** A pickle of names and shapes alone is small. */
const MAX_PICKLE = 16 * 2 ** 20;

/**
 * A state_dict that `torch.save` wrote (PyTorch >= 1.6: a zip archive with `<name>/data.pkl` and one entry
 * `<name>/data/<key>` a storage), read tensor by tensor. Nothing in the file is run.
 */
export class TorchFile {
  private constructor(
    private readonly archive: TorchArchive,
    /** `<name>/` */
    private readonly root: string,
    private readonly tensors: ReadonlyMap<string, PickledTensor>,
  ) {}

  /** @throws TorchFileError when it is damaged, or holds anything but a dict of tensors */
  static open(path: string): TorchFile {
    const archive = TorchArchive.open(path);
    try {
      const pickle = archive.names().find((name) => /^[^/]+\/data\.pkl$/.test(name));
      if (pickle === undefined)
        throw new TorchFileError(`${path} is not a checkpoint of torch.save: it has no data.pkl`);
      if ((archive.sizeOf(pickle) as number) > MAX_PICKLE)
        throw new TorchFileError(
          `${path}: its pickle has more than ${MAX_PICKLE} bytes, so it holds more than tensors`,
        );
      const root = pickle.slice(0, -'data.pkl'.length);
      checkByteOrder(archive, `${root}byteorder`);
      return new TorchFile(archive, root, tensorsOf(archive.read(pickle), path));
    } catch (error) {
      archive.close();
      throw error;
    }
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  /** A tensor in row-major order, whatever its strides. */
  read(name: string): TensorValues {
    const { path } = this.archive;
    const where = `${path}: tensor ${name}`;
    const tensor = this.tensors.get(name);
    if (!tensor) throw new TorchFileError(`${path}: there is no tensor ${name}`);
    const { storage, offset, shape, strides } = tensor;
    const dtype = STORED.get(storage.type);
    if (dtype === undefined)
      throw new TorchFileError(`${where} is a ${storage.type}, which is not supported`);
    const entry = `${this.root}data/${storage.key}`;
    const bytes = this.archive.sizeOf(entry);
    if (bytes === undefined || bytes !== storage.elements * STORED_BYTES[dtype])
      throw new TorchFileError(
        `${where} is damaged: its numbers ${bytes === undefined ? 'are missing' : `take ${bytes} bytes`}`,
      );
    checkLayout(tensor, where);
    const whole = { name, dtype, shape: [storage.elements], begin: 0, end: bytes };
    const { data } = decodeTensor(whole, this.archive.read(entry), path);
    return { dtype, shape, data: rowMajor(data, offset, shape, strides) };
  }

  close(): void {
    this.archive.close();
  }
}

function tensorsOf(pickle: Uint8Array, path: string): Map<string, PickledTensor> {
  const content = readPickle(pickle, path);
  if (!(content instanceof Map))
    throw new TorchFileError(`${path} holds no dict of tensors`, 'save a state_dict with torch.save');
  const tensors = new Map<string, PickledTensor>();
  for (const [name, value] of content) {
    if (typeof name !== 'string' || !(value instanceof PickledTensor))
      throw new TorchFileError(
        `${path}: ${JSON.stringify(name)} is not a tensor`,
        'save a state_dict, and nothing around it, with torch.save',
      );
    tensors.set(name, value);
  }
  return tensors;
}

function checkByteOrder(archive: TorchArchive, entry: string): void {
  const size = archive.sizeOf(entry);
  if (size === undefined) return;
  if (size > 16 || new TextDecoder().decode(archive.read(entry)) !== 'little')
    throw new TorchFileError(`${archive.path} was written on a machine of another byte order`);
}

/** @throws TorchFileError when the shape asks for numbers that are not there, or for the same ones again and again */
function checkLayout({ storage, offset, shape, strides }: PickledTensor, where: string): void {
  const elements = sizeOf(shape);
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] ?? 0), offset);
  const fits = elements === 0 || (elements <= storage.elements && last < storage.elements);
  if (strides.length !== shape.length || !fits)
    throw new TorchFileError(
      `${where} is damaged: [${shape}] does not lie within ${storage.elements} numbers`,
    );
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

function rowMajor<T extends TensorValues['data']>(
  data: T,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): T {
  const elements = sizeOf(shape);
  if (isDense(shape, strides)) return data.subarray(offset, offset + elements) as T;
  const out = data.slice(0, elements) as T;
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < elements; to++) {
    out[to] = data[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      from -= (strides[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return out;
}

function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis] as number;
  }
  return true;
}
