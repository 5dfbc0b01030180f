import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, beforeEach, expect, test } from 'vitest';

let launcher: string;
let directory: string;
let file: string;

beforeAll(async () => {
  launcher = join(mkdtempSync(join(tmpdir(), 'cache-')), 'launcher.mjs');
  await build({
    stdin: {
      contents: `import { requireCached } from './code-cache.ts'; console.log(requireCached(process.argv[2]).answer());`,
      resolveDir: fileURLToPath(new URL('../../cli', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: launcher,
  });
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cached-'));
  file = join(directory, 'file.cjs');
  writeFileSync(file, `exports.answer = () => require('node:path').basename(__dirname) && 41;`);
});

const run = async () => execFileSync(process.execPath, [launcher, file], { encoding: 'utf8' }).trim();
const caches = () => readdirSync(directory).filter((name) => name.endsWith('.cache'));

test('the first run leaves a cache, and the next one runs from it', async () => {
  expect(await run()).toBe('41');
  const [cache] = caches();
  const made = statSync(join(directory, cache!));
  expect(made.size).toBeGreaterThan(0);
  expect(await run()).toBe('41');
  expect(caches()).toEqual([cache]);
  // Taken, not made again.
  expect(statSync(join(directory, cache!)).mtimeMs).toBe(made.mtimeMs);
});

test('another source of the same length is not taken for the one before', async () => {
  await run();
  writeFileSync(file, `exports.answer = () => require('node:path').basename(__dirname) && 42;`);
  utimesSync(file, 1, 1);
  expect(await run()).toBe('42');
});

test('a damaged cache is made again', async () => {
  await run();
  const cache = join(directory, caches()[0]!);
  const { size } = statSync(cache);
  writeFileSync(cache, 'not code');
  expect(await run()).toBe('41');
  expect(statSync(cache).size).toBe(size);
});

test.skipIf(process.getuid?.() === 0)('a directory that cannot be written to is no error', async () => {
  chmodSync(directory, 0o555);
  expect(await run()).toBe('41');
  expect(caches()).toEqual([]);
});
