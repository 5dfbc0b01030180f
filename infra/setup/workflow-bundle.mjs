// dist/workflow-bundle.js: the workflow code as Temporal's worker runs it. Bundling takes seconds, so it is done only when
// a source that the bundle includes has changed.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { digestOf } from './sources.mjs';

const ENTRY = 'workflows/index.ts';
/** Loaded into every workflow when it is there. */
const INTERCEPTORS = 'workflows/interceptors.ts';

export const WORKFLOW_BUNDLE = 'dist/workflow-bundle.js';

export const workflowsPresent = (root) => existsSync(join(root, ENTRY));

const modules = (root) => [ENTRY, INTERCEPTORS].filter((file) => existsSync(join(root, file)));

/** Hash of the files that the workflow code reaches, and of the packages' versions. */
export async function workflowDigest(root) {
  const { build } = createRequire(join(root, 'package.json'))('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: modules(root),
    outdir: 'dist',
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const versions = ['worker', 'workflow'].map((name) => packageVersion(root, `@temporalio/${name}`));
  return digestOf(root, Object.keys(metafile.inputs).sort(), ...versions);
}

const packageVersion = (root, name) =>
  createRequire(join(root, 'package.json'))(join(root, 'node_modules', name, 'package.json')).version;

export async function bundleWorkflows(root) {
  const worker = createRequire(join(root, 'package.json')).resolve('@temporalio/worker');
  const { bundleWorkflowCode } = await import(pathToFileURL(worker).href);
  const messages = [];
  const log = (level) => (message) => messages.push(`${level}: ${message}`);
  const quiet = () => undefined;
  const interceptors = join(root, INTERCEPTORS);
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, ENTRY),
    workflowInterceptorModules: existsSync(interceptors) ? [interceptors] : [],
    logger: {
      log: quiet,
      trace: quiet,
      debug: quiet,
      info: quiet,
      warn: log('warning'),
      error: log('error'),
    },
  }).catch((error) => {
    throw new Error([...messages, error.message].join('\n'));
  });
  const target = join(root, WORKFLOW_BUNDLE);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(`${target}.${process.pid}`, code);
  renameSync(`${target}.${process.pid}`, target);
}
