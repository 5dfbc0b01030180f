// The long run under faults: `npm run chaos -- [options]`; see --help. A short one is in chaos.test.ts.

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'plumb-chaos-')));
const folder = join(root, 'dist', 'chaos');
const outfile = join(folder, `main-${process.pid}.js`);

/** Bundled code sees the address of its own source, as it does under test. */
const sourceAddresses = {
  name: 'source-addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      // Not where it is only named.
      contents: readFileSync(path, 'utf8').replaceAll(
        /(?<!')import\.meta\.url/g,
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: 'ts',
    }));
  },
};

let code = 1;
try {
  mkdirSync(folder, { recursive: true });
  // Built where packages resolve as they do for the sources.
  await build({
    entryPoints: [join(root, 'test', 'chaos', 'main.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [sourceAddresses],
  });
  const { main } = await import(pathToFileURL(outfile).href);
  code = await main(process.argv.slice(2), scratch);
} finally {
  rmSync(outfile, { force: true });
  if (code === 0) rmSync(scratch, { recursive: true, force: true });
  else console.log(`histories, logs and stores: ${scratch}`);
}
process.exit(code);
