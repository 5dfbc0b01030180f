import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Checkpoint } from '../../ml/models/checkpoint.ts';
import { decodeSafetensors, SafetensorsError } from '../../ml/models/safetensors.ts';
import { SafetensorsFile } from '../../ml/models/safetensors-file.ts';
import { forgeFile, forgeSafetensors } from '../ml/models/forge-safetensors.ts';
import { PATIENCE, runs } from './effort.ts';
import { mutated, mutatedJson } from './mutations.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumbline-fuzz-'));
const path = join(directory, 'model.safetensors');
afterAll(() => rmSync(directory, { recursive: true }));

/** Tensors whose sizes are as declared, or one error of ours; from memory and from a file the same. */
function mustHold(bytes: Uint8Array): void {
  let error: unknown;
  try {
    for (const { shape, data } of decodeSafetensors(bytes).values())
      expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
  } catch (caught) {
    error = caught;
  }
  writeFileSync(path, bytes);
  let fromFile: unknown;
  try {
    const file = SafetensorsFile.open(path);
    try {
      for (const name of file.header.tensors.keys()) file.read(name);
    } finally {
      file.close();
    }
  } catch (caught) {
    fromFile = caught;
  }
  for (const one of [error, fromFile]) if (one !== undefined) expect(one).toBeInstanceOf(SafetensorsError);
  expect(error === undefined).toBe(fromFile === undefined);
}

const valid = ['F32', 'BF16', 'I64', 'BOOL'].map((dtype) =>
  forgeSafetensors(dtype, [
    { name: 'a', shape: [2, 2], bytes: new Uint8Array({ F32: 16, BF16: 8, I64: 32, BOOL: 4 }[dtype] ?? 0) },
    { name: 'b', shape: [], bytes: new Uint8Array({ F32: 4, BF16: 2, I64: 8, BOOL: 1 }[dtype] ?? 0) },
    { name: '__proto__', shape: [0], bytes: new Uint8Array(0) },
  ]),
);

test(
  'any bytes',
  () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), mustHold), runs(300));
  },
  PATIENCE,
);

test(
  'files with some bytes changed',
  () => {
    fc.assert(fc.property(fc.oneof(...valid.map(mutated)), mustHold), runs(800));
  },
  PATIENCE,
);

test(
  'headers with some values changed',
  () => {
    const header = {
      a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
      __metadata__: { format: 'pt' },
    };
    fc.assert(
      fc.property(mutatedJson(header), (changed) => mustHold(forgeFile(changed, 16))),
      runs(500),
    );
  },
  PATIENCE,
);

test('headers nested deeply, and shapes whose product is beyond all numbers', () => {
  mustHold(forgeFile(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 0));
  mustHold(forgeFile({ a: { dtype: 'F32', shape: Array(40).fill(2 ** 50), data_offsets: [0, 16] } }, 16));
  mustHold(forgeFile({ a: { dtype: 'F32', shape: [0, 2 ** 50], data_offsets: [0, 0] } }, 0));
});

test(
  'an index of shards leads nowhere but to files beside it',
  () => {
    const names = fc.oneof(
      fc.constantFrom(
        '../x.safetensors',
        '/etc/x.safetensors',
        'a\\b.safetensors',
        'a.bin',
        '\u0000.safetensors',
        '..safetensors',
      ),
      fc.jsonValue({ maxDepth: 1 }),
    );
    rmSync(path, { force: true });
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 5 }), names), (map) => {
        writeFileSync(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
        let error: unknown;
        try {
          new Checkpoint(directory).close();
        } catch (caught) {
          error = caught;
        }
        if (error !== undefined) expect(error).toBeInstanceOf(SafetensorsError);
        else expect(map).toEqual({});
      }),
      runs(150),
    );
  },
  PATIENCE,
);
