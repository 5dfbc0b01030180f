import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, expect, test } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'plumb-memory-'));
afterAll(() => rmSync(directory, { recursive: true }));

const MEGABYTES = 300;
const LIMIT_MB = 350;

const PROGRAM = `
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { collectTexts } from './activities/text-files/collect.ts';
const [path, work] = process.argv.slice(2);
const job = {
  seed: 0, workDirectory: work, progress() {}, log() {},
  artifact($local, name) { const directory = join(work, name); mkdirSync(directory, { recursive: true }); return { $local, directory }; },
};
const rules = { 'text-field': 'text', 'min-characters': 1, 'strip-markup': true, whitespace: 'collapse',
  format: 'auto', dedupe: true, shuffle: true, 'held-out': 0.1, 'max-bad': 0 };
const { metrics } = await collectTexts(job, [path], rules);
console.log(JSON.stringify({ texts: metrics.texts.value, held: metrics.held_out.value, duplicates: metrics.duplicates.value,
  peakMb: process.resourceUsage().maxRSS / 1024 }));
`;

test(`${MEGABYTES} MB are deduplicated, shuffled and split within ${LIMIT_MB} MB of memory`, async () => {
  const source = join(directory, 'large.jsonl');
  const rows = writeLarge(source);
  const program = join(directory, 'program.mjs');
  await build({
    stdin: { contents: PROGRAM, resolveDir: process.cwd(), loader: 'ts' },
    ...{ bundle: true, platform: 'node', format: 'esm', outfile: program, logLevel: 'error' },
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  const { stdout } = await promisify(execFile)(process.execPath, [program, source, directory]);
  const found = JSON.parse(stdout) as Record<'texts' | 'held' | 'duplicates' | 'peakMb', number>;
  expect(found.texts + found.held).toBe(rows);
  expect(found.duplicates).toBe(Math.ceil(rows / 10));
  expect(found.peakMb).toBeLessThan(LIMIT_MB);
}, 120_000);

/** Distinct texts of some 1000 characters, every tenth of them twice. @returns how many distinct ones */
function writeLarge(path: string): number {
  const body = 'the plot was wonderful and the cast was terrible. '.repeat(20);
  const file = openSync(path, 'w');
  const rows = Math.floor((MEGABYTES * 2 ** 20) / 1.1 / 1030);
  for (let i = 0; i < rows; i += 500) {
    let block = '';
    for (let j = i; j < Math.min(rows, i + 500); j++)
      block += `{"text":"${j} ${body}"}\n`.repeat(j % 10 === 0 ? 2 : 1);
    writeSync(file, block);
  }
  closeSync(file);
  return rows;
}
