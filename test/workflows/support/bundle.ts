import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CACHE = join(ROOT, 'node_modules', '.cache', 'plumbline-workflows');

/** The bundle of the workflow code as it stands; made once for the same sources. @returns its path */
export async function workflowBundle(): Promise<string> {
  const { workflowDigest } = (await import(
    pathToFileURL(join(ROOT, 'infra/setup/workflow-bundle.mjs')).href
  )) as { workflowDigest(root: string): Promise<string> };
  return await bundleOf(join(ROOT, 'workflows/index.ts'), `${await workflowDigest(ROOT)}.js`);
}

/** Bundles any workflow module into the cache under a name. */
export async function bundleOf(entry: string, name: string): Promise<string> {
  const path = join(CACHE, name);
  if (existsSync(path)) return path;
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: new DefaultLogger('ERROR') });
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, code);
  renameSync(`${path}.${process.pid}`, path);
  return path;
}
