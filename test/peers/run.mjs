// Checks what Plumbline exports with the real packages that people load it with: `npm run verify:peers`.
//
// Each check is test/peers/<name>.ts, which exports with our code and writes down what we compute, and test/peers/<name>.py,
// which loads the same with the package and compares. Before that, `<name>.py --make` lets the packages write what we read, for
// a check that goes both ways. Python is that of the benchmarks, or one beside it: made in the cache on first use.
//
//   npm run verify:peers [-- NAME...]

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cacheDirectory } from '../../infra/setup/cache.mjs';

/** By name, the packages that it needs in an environment of its own: those that would replace some of the benchmarks'. */
const CHECKS = {
  models: null,
  classifiers: null,
  adapters: null,
  dictionaries: ['sae-lens==6.54.12', 'dictionary-learning==0.1.0', 'eai-sparsify==1.3.3'],
};
/** Those in which the packages write, and we read, too. */
const BOTH_WAYS = new Set(['dictionaries']);
/** What the others need beyond the packages of the benchmarks. */
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

const { peerPython, furtherPython } = await load('bench/lib/python.ts');
const say = (line) => console.error(line);
const pythonOf = (name) =>
  CHECKS[name] === null
    ? peerPython(cacheDirectory(), say, PACKAGES)
    : furtherPython(cacheDirectory(), name, CHECKS[name], say);
const env = {
  ...process.env,
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_VERBOSITY: 'error',
  PYTHONDONTWRITEBYTECODE: '1',
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(CHECKS, name));
if (unknown !== undefined) {
  console.error(`There is no check ${unknown}: there are ${Object.keys(CHECKS).join(', ')}.`);
  process.exit(1);
}
for (const name of chosen.length > 0 ? chosen : Object.keys(CHECKS)) {
  const directory = mkdtempSync(join(tmpdir(), `plumb-peers-${name}-`));
  const python = pythonOf(name);
  const run = (...options) => {
    const script = join(root, 'test', 'peers', `${name}.py`);
    const { status } = spawnSync(python, [script, directory, ...options], { stdio: 'inherit', env });
    if (status !== 0) process.exitCode = 1;
    return status === 0;
  };
  try {
    if (BOTH_WAYS.has(name) && !run('--make')) continue;
    const { prepare } = await load(`test/peers/${name}.ts`);
    await prepare(root, directory);
    run();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
