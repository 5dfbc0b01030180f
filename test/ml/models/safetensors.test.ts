import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '../../../ml/models/safetensors.ts';
import { SafetensorsFile, writeSafetensorsFile } from '../../../ml/models/safetensors-file.ts';
import { forgeFile } from './forge-safetensors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const tensors = {
  b: { dtype: 'F32' as const, shape: [2, 3], data: Float32Array.from([1, -2.5, 3, 0, Number.NaN, 1e30]) },
  a: { dtype: 'I32' as const, shape: [], data: Int32Array.from([-7]) },
  empty: { dtype: 'F32' as const, shape: [0, 4], data: new Float32Array(0) },
};

test('what is written is read back, and equal content gives equal bytes whatever its order', () => {
  const bytes = encodeSafetensors(tensors, { format: 'pt' });
  const { a, b, empty } = tensors;
  expect(encodeSafetensors({ empty, a, b }, { format: 'pt' })).toEqual(bytes);
  const read = decodeSafetensors(bytes);
  expect([...read.keys()]).toEqual(['a', 'b', 'empty']);
  expect(read.get('b')).toEqual(tensors.b);
  expect(read.get('a')).toEqual(tensors.a);
});

test('a file written tensor by tensor has the same bytes, and tensors are read by range', () => {
  const path = join(scratch, 'x.safetensors');
  writeSafetensorsFile(path, tensors);
  expect(new Uint8Array(readFileSync(path))).toEqual(encodeSafetensors(tensors));
  const file = SafetensorsFile.open(path);
  expect(file.read('b')).toEqual(tensors.b);
  expect(() => file.read('c')).toThrow('there is no tensor c');
  file.close();
});

test.each([
  [
    'F16',
    [0x3c, 0x00, 0xc0, 0x00, 0x00, 0x01, 0x7c, 0x00, 0x7b, 0xff],
    [1, -2, 2 ** -24, Number.POSITIVE_INFINITY, 65504],
  ],
  [
    'BF16',
    [0x3f, 0x80, 0xc0, 0x00, 0x7f, 0x80, 0x3e, 0xab, 0x00, 0x01],
    [1, -2, Number.POSITIVE_INFINITY, 0.333984375, 2 ** -133],
  ],
])('%s is read exactly', (dtype, bigEndian, expected) => {
  const data = Uint8Array.from(bigEndian);
  for (let i = 0; i < data.length; i += 2) data.subarray(i, i + 2).reverse();
  const read = decodeSafetensors(forgeFile({ t: { dtype, shape: [5], data_offsets: [0, 10] } }, data));
  expect(Array.from(read.get('t')?.data as Float32Array)).toEqual(expected);
});

test('I64 is read as 32 bits, and refused where it does not fit', () => {
  const read = (value: bigint) => {
    const data = new Uint8Array(BigInt64Array.from([value]).buffer);
    return decodeSafetensors(forgeFile({ ids: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, data));
  };
  expect(Array.from(read(-5n).get('ids')?.data as Int32Array)).toEqual([-5]);
  expect(() => read(2n ** 40n)).toThrow('tensor ids: 1099511627776 does not fit 32 bits');
});

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a broken file is an error that names the tensor', () => {
  test.each<[string, Uint8Array, string]>([
    ['too short', new Uint8Array(3), 'has only 3 bytes'],
    ['huge header', Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 0]), 'claims a header'],
    ['header beyond the end', forgeFile({}, 0).slice(0, 9), 'is truncated'],
    ['not JSON', forgeFile('{nope', 0), 'the header is not JSON'],
    ['a list', forgeFile([], 0), 'not a JSON object'],
    [
      'truncated data',
      forgeFile({ w: f32([2], 0, 8) }, 7),
      'tensor w ends at byte 8 of the data, which has 7',
    ],
    ['overlap', forgeFile({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), 'tensor b overlaps tensor a'],
    [
      'a hole',
      forgeFile({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      '4 bytes between tensor a and tensor b',
    ],
    ['rest', forgeFile({ a: f32([1], 0, 4) }, 8), '4 bytes after tensor a'],
    ['wrong size', forgeFile({ a: f32([3], 0, 8) }, 8), 'tensor a: F32 [3] takes 12 bytes'],
    ['negative shape', forgeFile({ a: f32([-1], 0, 4) }, 4), 'tensor a: has the shape [-1]'],
    [
      'unknown type',
      forgeFile({ a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, 1),
      'tensor a: has the dtype F8_E4M3',
    ],
    [
      'no offsets',
      forgeFile({ a: { dtype: 'F32', shape: [1] } }, 4),
      'tensor a: has the data_offsets undefined',
    ],
    [
      'a name that objects have',
      forgeFile({ a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4),
      'tensor a: has the dtype toString',
    ],
    ['metadata', forgeFile({ __metadata__: { a: 1 } }, 0), '__metadata__ is not an object of strings'],
    ['no entry', forgeFile({ a: null }, 0), 'tensor a: has no dtype'],
  ])('%s', (_name, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'FILE')).toThrow(message);
    expect(() => decodeSafetensors(bytes, 'FILE')).toThrow(SafetensorsError);
    const path = join(scratch, 'broken.safetensors');
    writeFileSync(path, bytes);
    expect(() => SafetensorsFile.open(path)).toThrow(message);
  });

  test('and random damage never gives anything but an error or tensors of the declared shapes', () => {
    const good = encodeSafetensors(tensors);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (position, byte, length) => {
        const bad = good.slice();
        bad[position] = byte;
        try {
          for (const { shape, data } of decodeSafetensors(bad.subarray(0, length)).values()) {
            if (shape.reduce((a, b) => a * b, 1) !== data.length) return false;
          }
          return true;
        } catch (error) {
          return error instanceof SafetensorsError;
        }
      }),
      { numRuns: 2000 },
    );
  });

  const number = fc.oneof(fc.nat(16), fc.constantFrom(-1, 0.5, 2 ** 53, 2 ** 31, 1e300), fc.anything());
  const entry = fc.oneof(
    fc.record({
      dtype: fc.oneof(
        fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'BOOL', 'F8_E4M3', '__proto__'),
        fc.anything(),
      ),
      shape: fc.oneof(fc.array(number, { maxLength: 3 }), fc.anything()),
      data_offsets: fc.oneof(fc.tuple(number, number), fc.anything()),
    }),
    fc.anything(),
  );
  const header = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'b', '__metadata__', '__proto__'), fc.string()),
    entry,
    {
      maxKeys: 4,
    },
  );

  test('and any header gives an error, or tensors that lie one after the other and fill the data', () => {
    const path = join(scratch, 'fuzzed.safetensors');
    let read = 0;
    fc.assert(
      fc.property(header, fc.nat(64), (content, size) => {
        let bytes: Uint8Array;
        try {
          bytes = forgeFile(content, size);
        } catch {
          return true; // Not JSON: a bigint, a circle.
        }
        writeFileSync(path, bytes);
        const outcome = attempt(() => decodeSafetensors(bytes));
        const fromFile = attempt(() => {
          const file = SafetensorsFile.open(path);
          try {
            return new Map([...file.header.tensors.keys()].map((name) => [name, file.read(name)]));
          } finally {
            file.close();
          }
        });
        expect(fromFile === 'refused').toBe(outcome === 'refused');
        if (outcome === 'refused' || fromFile === 'refused') return true;
        read += 1;
        expect(fromFile).toEqual(outcome);
        return [...outcome.values()].every(
          ({ shape, data }) => shape.reduce((a, b) => a * b, 1) === data.length,
        );
      }),
      { numRuns: 3000, seed: 7 },
    );
    expect(read).toBeGreaterThan(10);
  });
});

function attempt<T>(run: () => T): T | 'refused' {
  try {
    return run();
  } catch (error) {
    if (error instanceof SafetensorsError) return 'refused';
    throw error;
  }
}
