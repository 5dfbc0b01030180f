import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TorchFileError } from '../../../ml/torch-files/error.ts';
import { TorchFile } from '../../../ml/torch-files/file.ts';
import { storedZip } from './zip.ts';

const REAL = 'test/fixtures/dictionaries/dictionary-learning-topk/ae.pt';
const folder = mkdtempSync(join(tmpdir(), 'torch-'));
let written = 0;
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `${written++}.pt`);
  writeFileSync(path, bytes);
  return path;
}

const text = (value: string) => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from('X'), length, bytes]);
};
const raw = (...parts: (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
const pickle = (...parts: (string | Buffer)[]) => raw('\x80\x02', ...parts, '.');
const natural = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return raw('J', bytes);
};
const tuple = (...items: (string | Buffer)[]) => raw('(', ...items, 't');
const numbers = (...values: number[]) => tuple(...values.map(natural));

/** A tensor as torch writes it: storage `key` of so many elements, seen through offset, shape and strides. */
const tensor = (
  { key = '0', elements, type = 'FloatStorage' }: { key?: string; elements: number; type?: string },
  offset: number,
  shape: number[],
  strides: number[],
) =>
  raw(
    'ctorch._utils\n_rebuild_tensor_v2\n',
    tuple(
      raw(tuple(text('storage'), `ctorch\n${type}\n`, text(key), text('cpu'), natural(elements)), 'Q'),
      natural(offset),
      numbers(...shape),
      numbers(...strides),
      '\x89',
      raw('ccollections\nOrderedDict\n', ')R'),
    ),
    'R',
  );
const dict = (name: string, value: Buffer) => raw('}', text(name), value, 's');
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const archive = (content: Buffer, data: Record<string, Uint8Array> = { 0: floats(0, 1, 2, 3, 4, 5) }) =>
  storedZip({
    'a/data.pkl': content,
    ...Object.fromEntries(Object.entries(data).map(([key, bytes]) => [`a/data/${key}`, bytes])),
  });

const six = { elements: 6 };
const open = (bytes: Uint8Array) => TorchFile.open(fileOf(bytes));
const readAll = (bytes: Uint8Array) => {
  const file = open(bytes);
  try {
    return file.names().map((name) => file.read(name));
  } finally {
    file.close();
  }
};

test('a file that torch wrote: names, shapes and numbers', () => {
  const file = TorchFile.open(REAL);
  const shapes = Object.fromEntries(file.names().map((name) => [name, file.read(name).shape]));
  expect(shapes).toEqual({
    b_dec: [6],
    k: [],
    threshold: [],
    'decoder.weight': [6, 10],
    'encoder.weight': [10, 6],
    'encoder.bias': [10],
  });
  expect([...file.read('k').data]).toEqual([3]);
  expect(() => file.read('other')).toThrow('there is no tensor other');
  file.close();
});

describe('any layout comes in row-major order', () => {
  test.each([
    ['dense', 0, [2, 3], [3, 1], [0, 1, 2, 3, 4, 5]],
    ['transposed', 0, [3, 2], [1, 3], [0, 3, 1, 4, 2, 5]],
    ['a slice', 1, [2, 2], [3, 1], [1, 2, 4, 5]],
    ['a single number', 4, [], [], [4]],
    ['nothing', 0, [0, 3], [3, 1], []],
    ['axes of one', 2, [1, 2, 1], [7, 2, 9], [2, 4]],
  ] as const)('%s', (_, offset, shape, strides, values) => {
    const [read] = readAll(archive(pickle(dict('w', tensor(six, offset, [...shape], [...strides])))));
    expect(read?.shape).toEqual(shape);
    expect([...(read?.data ?? [])]).toEqual(values);
  });

  test('parameters and dicts with attributes, which module.state_dict() has', () => {
    const parameter = raw(
      'ctorch._utils\n_rebuild_parameter\n',
      tuple(tensor(six, 0, [6], [1]), '\x88', raw('ccollections\nOrderedDict\n', ')R')),
      'R',
    );
    const stateDict = raw(
      'ccollections\nOrderedDict\n)R',
      text('w'),
      parameter,
      's}',
      text('_metadata'),
      raw('ccollections\nOrderedDict\n)R'),
      'sb',
    );
    const [read] = readAll(archive(pickle(stateDict)));
    expect([...(read?.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('refused, saying why', () => {
  const system = raw('cposix\nsystem\n', text('touch /tmp/x'), '\x85R');
  test.each<[string, Uint8Array, string]>([
    ['a pickle that calls something', archive(pickle(system)), 'names "posix.system", which is neither'],
    [
      'a whole module, not a state_dict',
      archive(pickle(raw('cdictionary_learning.dictionary\nAutoEncoder\n', ')\x81'))),
      'names "dictionary_learning.dictionary.AutoEncoder"',
    ],
    ['a call of what is no function', archive(pickle(raw(text('posix'), ')R'))), 'is damaged'],
    ['an instruction of another protocol', archive(raw('\x80\x05}.')), 'is of protocol 5'],
    ['an unknown instruction', archive(pickle('\xff')), 'has the instruction 0xff'],
    ['a list', archive(pickle(']')), 'holds no dict of tensors'],
    ['a nested dict', archive(pickle(dict('ae', raw('}')))), '"ae" is not a tensor'],
    ['a pickle cut short', archive(raw('\x80\x02}', 'X')), 'its pickle does not parse'],
    ['an empty stack', archive(pickle('')), 'its pickle does not parse'],
    ['a type alone', archive(pickle(dict('w', raw('ctorch\nFloatStorage\n')))), '"w" is not a tensor'],
    [
      'numbers that are not there',
      archive(pickle(dict('w', tensor({ key: '7', elements: 6 }, 0, [6], [1])))),
      'tensor w is damaged: its numbers are missing',
    ],
    [
      'fewer numbers than claimed',
      archive(pickle(dict('w', tensor({ elements: 600 }, 0, [600], [1])))),
      'tensor w is damaged: its numbers take 24 bytes',
    ],
    [
      'a shape beyond its numbers',
      archive(pickle(dict('w', tensor(six, 1, [6], [1])))),
      'does not lie within 6 numbers',
    ],
    [
      'a shape that repeats its numbers until memory is full',
      archive(pickle(dict('w', tensor(six, 0, [2 ** 30, 2 ** 30], [0, 0])))),
      'does not lie within 6 numbers',
    ],
    [
      'strides of another rank',
      archive(pickle(dict('w', tensor(six, 0, [6], [1, 1])))),
      'does not lie within 6 numbers',
    ],
    [
      'complex numbers',
      archive(pickle(dict('w', tensor({ elements: 3, type: 'ComplexFloatStorage' }, 0, [3], [1])))),
      'is a ComplexFloatStorage, which is not supported',
    ],
    [
      'the other byte order',
      storedZip({ 'a/data.pkl': pickle('}'), 'a/byteorder': Buffer.from('big') }),
      'another byte order',
    ],
    ['a zip of something else', storedZip({ 'hello.txt': Buffer.from('hello') }), 'it has no data.pkl'],
    ['a pickle without a zip, as before 1.6', pickle(dict('w', natural(1))), 'it is no zip archive'],
    ['an empty file', new Uint8Array(), 'it is no zip archive'],
    ['half a file', readFileSync(REAL).subarray(0, 2000), 'it is no zip archive'],
    ['a file without its middle', withoutMiddle(), 'damaged'],
    ['a compressed entry', compressed(), 'is compressed or encrypted'],
  ])('%s', (_name, bytes, message) => {
    expect(() => readAll(bytes)).toThrow(TorchFileError);
    expect(() => readAll(bytes)).toThrow(message);
  });

  function withoutMiddle(): Uint8Array {
    const bytes = readFileSync(REAL);
    return Buffer.concat([bytes.subarray(0, 500), bytes.subarray(900)]);
  }

  function compressed(): Uint8Array {
    const bytes = archive(pickle('}'));
    bytes.writeUInt16LE(8, bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 10);
    return bytes;
  }

  test('whatever bytes are changed: an error of its own, or numbers', () => {
    const bytes = readFileSync(REAL);
    const place = fc.nat(bytes.length - 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        try {
          readAll(damaged);
        } catch (error) {
          expect((error as Error).name).toMatch(/^(TorchFileError|SafetensorsError)$/);
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });
});
