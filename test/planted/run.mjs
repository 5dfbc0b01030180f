// The planted-truth study: `npm run check:planted [-- --seeds N]`; see --help. The limits are stated in verdict.ts.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'plumb-planted-')));
// Two levels below the root, as the sources that read the word lists are.
const built = join(root, 'dist', `planted-${process.pid}`);

/** Built where packages resolve as they do for the sources. */
async function compiled(source) {
  const outfile = join(built, source.replace(/ts$/, 'js'));
  await build({
    entryPoints: [join(root, 'test', 'planted', source)],
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

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
process.on('exit', () => {
  rmSync(scratch, { recursive: true, force: true });
  rmSync(built, { recursive: true, force: true });
});
mkdirSync(built, { recursive: true });
const child = await compiled('child.ts');
const { check } = await import(pathToFileURL(await compiled('main.ts')).href);
process.exitCode = await check(process.argv.slice(2), { child, scratch });
