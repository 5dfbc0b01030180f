// dist/: the programs, bundled by esbuild. Small pure packages are bundled too, so that `plumb` starts quickly; what is
// big, native or loaded on demand stays in node_modules.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { digestOf, sourceFiles } from './sources.mjs';

const PROGRAMS = ['cli/errors.ts', 'worker/main.ts', 'compute/child.ts'];
/** Each of their files is loaded by itself. */
const LOADED = ['cli/commands', 'activities/kinds'];
/** CommonJS, which Node starts sooner than an ES module; what it imports while it runs are the programs above. */
const MAIN = 'cli/main.ts';
const FOLDERS = [
  'cli',
  'worker',
  'workflows',
  'activities',
  'compute',
  'labeling',
  'report',
  'compiler',
  'search',
  'store',
  'ml',
  'schemas',
];

const EXTERNAL = [
  '@temporalio/*',
  'protobufjs',
  '@tensorflow/*',
  'minio',
  'openai',
  'vega',
  'vega-lite',
  '@huggingface/*',
  'esbuild',
];

/** A chunk of an earlier build may still be wanted by a process that runs: it is removed after a day. */
const KEEP_MS = 24 * 3600 * 1000;

/** CommonJS packages inside an ES module need a `require`; the root is where the sources lie. */
const BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __root = import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/') + 1);`;

/** What starts from a code cache (cli/code-cache.ts). */
const CACHED = ['cli/program.ts', 'cli/check.ts'];

const COMMON_JS_BANNER = `const __root = require('node:url').pathToFileURL(__dirname + '/../../').href;`;

/** Leaves the main program's imports at run time to run time. */
const importsOfMain = {
  name: 'imports-of-main',
  setup(build) {
    build.onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, importer, kind }) =>
      kind === 'dynamic-import' && importer.endsWith(`/${MAIN}`)
        ? { path: path.replace(/\.ts$/, '.js'), external: true }
        : undefined,
    );
  },
};

/** Bundled code sees the address of its own source file, as it does under test: paths relative to it stay right. */
const sourceAddresses = (root) => ({
  name: 'source-addresses',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (path.includes('/node_modules/') || !text.includes('import.meta.url')) return undefined;
      const address = JSON.stringify(relative(root, path).replaceAll('\\', '/'));
      return { contents: text.replaceAll('import.meta.url', `(__root + ${address})`), loader: 'ts' };
    });
  },
});

/** The sources that become programs, as far as they exist. */
export const programsOf = (root) =>
  [...PROGRAMS, ...sourceFiles(root, LOADED, ['.ts'])].filter((file) => existsSync(join(root, file)));

/** Hash of everything that `dist` is made from, without the workflow bundle. */
export const distDigest = (root) =>
  digestOf(
    root,
    [
      ...sourceFiles(root, FOLDERS, ['.ts', '.json']),
      ...sourceFiles(root, ['schemas/generated'], ['.ts', '.js', '.json']),
    ],
    readFileSync(new URL(import.meta.url), 'utf8'),
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );

/** @returns {Promise<string[]>} the programs that were written, relative to `root` */
export async function bundle(root) {
  const { build } = createRequire(join(root, 'package.json'))('esbuild');
  const entryPoints = programsOf(root);
  if (entryPoints.length === 0) return [];
  const shared = {
    absWorkingDir: root,
    outbase: root,
    outdir: join(root, 'dist'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    // The same code as ES modules: its functions call each other directly, which a cold start feels.
    alias: { yaml: join(root, 'node_modules/yaml/browser/dist/index.js') },
    plugins: [sourceAddresses(root)],
    legalComments: 'none',
    // Less to read at every start; names stay, for the stacks.
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'silent',
    write: false,
  };
  const results = await Promise.all([
    build({
      ...shared,
      entryPoints,
      chunkNames: 'chunks/[name]-[hash]',
      splitting: true,
      format: 'esm',
      external: EXTERNAL,
      banner: { js: BANNER },
    }),
    build({
      ...shared,
      plugins: [importsOfMain, ...shared.plugins],
      entryPoints: [MAIN, ...CACHED].filter((file) => existsSync(join(root, file))),
      outExtension: { '.js': '.cjs' },
      format: 'cjs',
      banner: { js: COMMON_JS_BANNER },
    }),
  ]);
  const outputFiles = results.flatMap((result) => result.outputFiles);
  for (const { path, contents } of outputFiles) publish(path, contents);
  removeStale(join(root, 'dist'), new Set(outputFiles.map(({ path }) => path)));
  return entryPoints;
}

/** A running program sees the old file or the new one, never a part. */
function publish(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}.new`, contents);
  renameSync(`${path}.${process.pid}.new`, path);
}

function removeStale(dist, current) {
  for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (!entry.isFile() || current.has(path) || dirname(path) === dist) continue;
    const isChunk = dirname(path) === join(dist, 'chunks');
    if (!isChunk || Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path);
  }
}
