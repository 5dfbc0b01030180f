import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { readRows } from '../../activities/text-files/read.ts';
import { ComputeError } from '../../ml/failure.ts';
import { PATIENCE, runs } from './effort.ts';
import { mutated } from './mutations.ts';

const FIXTURES = 'test/fixtures/text-files';
const files = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.parquet'))
  .map((name) => readFileSync(join(FIXTURES, name)));
const directory = mkdtempSync(join(tmpdir(), 'plumbline-fuzz-'));
const path = join(directory, 'rows.parquet');
afterAll(() => rmSync(directory, { recursive: true }));

/** Rows, or one error that names the file; in little time and memory. */
async function mustHold(bytes: Uint8Array): Promise<void> {
  writeFileSync(path, bytes);
  const began = performance.now();
  try {
    let count = 0;
    for await (const row of readRows(path, 'parquet')) {
      expect('fields' in row ? typeof row.fields : typeof row.problem).toMatch(/object|string/);
      if (++count > 10_000) break;
    }
  } catch (error) {
    expect(error).toBeInstanceOf(ComputeError);
    expect((error as ComputeError).message).toContain(path);
  }
  expect(performance.now() - began).toBeLessThan(2000);
}

test('there are files to change', async () => {
  expect(files.length).toBeGreaterThan(1);
  for (const bytes of files) await mustHold(bytes);
});

test(
  'files with some bytes changed',
  async () => {
    await fc.assert(fc.asyncProperty(fc.oneof(...files.map(mutated)), mustHold), runs(300));
  },
  PATIENCE,
);

test(
  'files whose footer is changed',
  async () => {
    const footers = files.map((bytes) => {
      const length = bytes.readUInt32LE(bytes.length - 8);
      const start = bytes.length - 8 - length;
      return mutated(bytes.subarray(start, start + length)).map((footer) => {
        const tail = Buffer.alloc(8);
        tail.writeUInt32LE(footer.length);
        tail.write('PAR1', 4);
        return Buffer.concat([bytes.subarray(0, start), footer, tail]);
      });
    });
    await fc.assert(fc.asyncProperty(fc.oneof(...footers), mustHold), runs(300));
  },
  PATIENCE,
);

test(
  'any bytes',
  async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), mustHold), runs(150));
  },
  PATIENCE,
);
