import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/types.ts';
import type { ExperimentResult } from '../workflows/types.ts';

/**
 * Copies the report of a run out of the store, to `reports/<run>/` in the state directory.
 * @returns the path of the page; null when the run has no report
 */
export async function exportReport(
  store: Store,
  directory: string,
  runId: string,
  { reports }: Pick<ExperimentResult, 'reports'>,
): Promise<string | null> {
  const [first] = reports;
  if (!first) return null;
  const target = join(directory, 'reports', runId);
  const { files } = await readManifest(store, first.artifact);
  await rm(target, { recursive: true, force: true });
  for (const [path, { sha256 }] of Object.entries(files)) {
    const file = join(target, path);
    await mkdir(dirname(file), { recursive: true });
    await store.getBlob(sha256, file);
  }
  return join(target, 'report.html');
}
