import { SafetensorsError } from '../../models/safetensors.ts';
import { SafetensorsFile } from '../../models/safetensors-file.ts';
import type { TensorValues } from '../../models/safetensors-types.ts';
import { TorchFileError } from '../../torch-files/error.ts';
import { TorchFile } from '../../torch-files/file.ts';
import { badDictionary } from './failure.ts';

interface TensorFile {
  names(): Iterable<string>;
  read(name: string): TensorValues;
  close(): void;
}

/** The weights of a checkpoint, taken one by one; at the end none may be left over. */
export class StoredWeights {
  private readonly left: Set<string>;

  private constructor(
    readonly path: string,
    private readonly file: TensorFile,
  ) {
    this.left = new Set(file.names());
  }

  /** Gives the weights to `use`, and checks that it took all of them. @throws ComputeError bad-dictionary */
  static with<T>(path: string, use: (weights: StoredWeights) => T): T {
    let file: TensorFile | undefined;
    try {
      file = path.endsWith('.safetensors') ? openSafetensors(path) : TorchFile.open(path);
      const weights = new StoredWeights(path, file);
      const result = use(weights);
      const [first] = weights.left;
      if (first !== undefined)
        throw badDictionary(path, `it has a tensor ${first}, which no dictionary of this kind has`);
      return result;
    } catch (error) {
      if (!(error instanceof SafetensorsError || error instanceof TorchFileError)) throw error;
      throw badDictionary(path, error.message.replace(`${path}: `, ''), error.hint);
    } finally {
      file?.close();
    }
  }

  has(name: string): boolean {
    return this.left.has(name);
  }

  /** Rows and columns of a matrix, and its numbers. */
  matrix(name: string): { rows: number; columns: number; data: Float32Array } {
    const { shape, data } = this.floats(name);
    const [rows, columns] = shape;
    if (shape.length !== 2 || !rows || !columns)
      throw badDictionary(this.path, `${name} should be a matrix, but its shape is [${shape}]`);
    return { rows, columns, data };
  }

  /** Numbers of the given shape: `[]` is a single one. */
  take(name: string, shape: readonly number[]): Float32Array {
    const stored = this.floats(name);
    if (stored.shape.join() !== shape.join())
      throw badDictionary(this.path, `${name} should have the shape [${shape}], but has [${stored.shape}]`);
    return stored.data;
  }

  /** A single number, which need not be finite. */
  number(name: string): number {
    const { shape, data } = this.next(name);
    if (shape.length > 0) throw badDictionary(this.path, `${name} should be a single number`);
    return data[0] as number;
  }

  /** A whole number. */
  integer(name: string): number {
    const { shape, data } = this.next(name);
    if (shape.length > 0 || !(data instanceof Int32Array))
      throw badDictionary(this.path, `${name} should be a whole number`);
    return data[0] as number;
  }

  /** Passes over a tensor that says nothing about what the dictionary computes. */
  skip(name: string): void {
    this.left.delete(name);
  }

  private floats(name: string): { shape: number[]; data: Float32Array } {
    const { dtype, shape, data } = this.next(name);
    if (!(data instanceof Float32Array))
      throw badDictionary(this.path, `${name} should hold floating-point numbers, but holds ${dtype}`);
    const odd = data.findIndex((value) => !Number.isFinite(value));
    if (odd >= 0) throw badDictionary(this.path, `${name} is not finite: it holds ${data[odd]} at ${odd}`);
    return { shape, data };
  }

  private next(name: string): TensorValues {
    if (!this.left.delete(name)) throw badDictionary(this.path, `the tensor ${name} is missing`);
    return this.file.read(name);
  }
}

function openSafetensors(path: string): TensorFile {
  const file = SafetensorsFile.open(path);
  return {
    names: () => file.header.tensors.keys(),
    read: (name) => file.read(name),
    close: () => file.close(),
  };
}
