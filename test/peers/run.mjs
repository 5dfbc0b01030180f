// Checks what Plumbline exports with the real packages that people load it with: `npm run verify:peers`.
//
// Each check is test/peers/<name>.ts, which exports with our code and writes down what we compute, and test/peers/<name>.py,
// which loads the same with the package and compares. Python is that of the benchmarks: made in the cache on first use.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cacheDirectory } from '../../infra/setup/cache.mjs';

const CHECKS = ['models', 'classifiers', 'adapters'];
/** What they need beyond the packages of the benchmarks. */
const PACKAGES = ['peft==0.21.2'];
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A module of ours, built below dist/ so that packages resolve as they do for the sources. */
async function load(source) {
  const outfile = join(root, 'dist', 'peers', source.replaceAll('/', '-').replace(/\.ts$/, '.js'));
  mkdirSync(join(root, 'dist', 'peers'), { recursive: true });
  await build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}

const { peerPython } = await load('bench/lib/python.ts');
const python = peerPython(cacheDirectory(), (line) => console.error(line), PACKAGES);
for (const name of CHECKS) {
  const directory = mkdtempSync(join(tmpdir(), `plumb-peers-${name}-`));
  try {
    const { prepare } = await load(`test/peers/${name}.ts`);
    await prepare(root, directory);
    const env = {
      ...process.env,
      TRANSFORMERS_OFFLINE: '1',
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_VERBOSITY: 'error',
    };
    const { status } = spawnSync(python, [join(root, 'test', 'peers', `${name}.py`), directory], {
      stdio: 'inherit',
      env,
    });
    if (status !== 0) process.exitCode = 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
