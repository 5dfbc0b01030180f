// Kills trainings and compares: `npm run check:resume -- KIND... [options]`; see --help. The kinds are in kinds.ts.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'plumb-resume-')));

/** Built where packages resolve as they do for the sources. */
async function compiled(source, outfile) {
  await build({
    entryPoints: [join(root, 'test', 'resume', source)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return outfile;
}

try {
  mkdirSync(join(root, 'dist', 'resume'), { recursive: true });
  const disturb = await compiled('disturb.ts', join(scratch, 'disturb.js'));
  const main = await compiled('main.ts', join(root, 'dist', 'resume', `main-${process.pid}.js`));
  const { check } = await import(pathToFileURL(main).href);
  rmSync(main);
  process.exitCode = await check(process.argv.slice(2), { dist: join(root, 'dist'), scratch, disturb });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
