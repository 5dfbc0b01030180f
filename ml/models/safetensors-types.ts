import { SafetensorsError, type TensorEntry } from './safetensors.ts';

/** The element types that safetensors files hold and we read. */
export type StoredType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** A tensor in memory. `dtype` says how it was stored; floats are Float32Array, all whole numbers Int32Array. */
export interface TensorValues {
  dtype: StoredType;
  shape: number[];
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

/** The values of one tensor from its bytes. The result never shares memory with `bytes`. */
export function decodeTensor(entry: TensorEntry, bytes: Uint8Array, where: string): TensorValues {
  // Typed arrays need aligned starts, which the format does not promise.
  return decodeBuffer(entry, new Uint8Array(bytes).buffer, where);
}

/** `decodeTensor` of a buffer that holds this tensor alone, and that the result may keep. */
export function decodeBuffer(entry: TensorEntry, buffer: ArrayBuffer, where: string): TensorValues {
  const { dtype, shape, name } = entry;
  return { dtype, shape, data: convert(dtype, buffer, () => `${where}: tensor ${name}`) };
}

/** What halves (bits of binary16) stand for. */
export const floatsOf = (half: Uint16Array): Float32Array => halfToFloat(half, new Float32Array(half.length));

/** Widens stored floating-point numbers into `into`. */
export function decodeFloats(dtype: 'F64' | 'F16' | 'BF16', buffer: ArrayBuffer, into: Float32Array): void {
  if (dtype === 'F64') into.set(new Float64Array(buffer, 0, into.length));
  else if (dtype === 'F16') halfToFloat(new Uint16Array(buffer, 0, into.length), into);
  else brainToFloat(new Uint16Array(buffer, 0, into.length), into);
}

function convert(dtype: StoredType, buffer: ArrayBuffer, name: () => string): TensorValues['data'] {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'F16':
      return halfToFloat(new Uint16Array(buffer), new Float32Array(buffer.byteLength / 2));
    case 'BF16':
      return brainToFloat(new Uint16Array(buffer), new Float32Array(buffer.byteLength / 2));
    case 'I32':
      return new Int32Array(buffer);
    case 'I64':
      return Int32Array.from(new BigInt64Array(buffer), (value) => narrow(value, name));
    case 'I16':
      return Int32Array.from(new Int16Array(buffer));
    case 'I8':
      return Int32Array.from(new Int8Array(buffer));
    default:
      return Int32Array.from(new Uint8Array(buffer));
  }
}

function narrow(value: bigint, name: () => string): number {
  const number = Number(value);
  if (number !== (number | 0)) throw new SafetensorsError(`${name()}: ${value} does not fit 32 bits`);
  return number;
}

let halves: Float32Array | undefined;

/** IEEE 754 binary16 by table: 65,536 values. */
function halfToFloat<T extends Float32Array>(half: Uint16Array, out: T): T {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  for (let i = 0; i < half.length; i++) out[i] = halves[half[i] as number] as number;
  return out;
}

/** bfloat16: the upper half of a binary32. */
function brainToFloat<T extends Float32Array>(brain: Uint16Array, out: T): T {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < brain.length; i++) bits[i] = (brain[i] as number) << 16;
  return out;
}
