import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildChild } from '../compute/build.ts';
import { workflowBundle } from '../workflows/support/bundle.ts';
import { REGISTRY } from './kinds.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Built {
  worker: string;
  dist: string;
  workflowBundle: string;
  remove(): void;
}

/** The worker, the compute child with the kinds' bodies, and the workflows, from the sources as they stand. */
export async function buildChaos(): Promise<Built> {
  // Below the project, where packages are found.
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'chaos-'));
  const dist = join(folder, 'dist');
  const worker = join(folder, 'worker.mjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/chaos/worker.ts'],
    outfile: worker,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  await buildChild(dist);
  for (const kind of REGISTRY.kinds.keys()) {
    const body = join(ROOT, 'test/chaos/bodies', `${kind.slice('chaos.'.length)}.mjs`);
    writeFileSync(
      join(dist, 'activities', 'kinds', `${kind}.js`),
      `export * from ${JSON.stringify(body)};\n`,
    );
  }
  return {
    ...{ worker, dist, workflowBundle: await workflowBundle() },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
