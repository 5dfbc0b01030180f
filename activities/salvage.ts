import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readManifest } from '../store/artifacts.ts';
import { StoreError } from '../store/error.ts';
import { isArtifactRef } from '../store/results.ts';
import type { PointRecord, Store } from '../store/types.ts';

/**
 * What is whole of a result that is not whole any more: each of its artifacts' files that still has the bytes of its digest
 * is put below `directory`. @returns output name -> directory
 */
export async function salvage(
  store: Store,
  record: PointRecord,
  directory: string,
  onFile: () => void,
): Promise<{ directories: Record<string, string>; whole: number; lost: number }> {
  const directories: Record<string, string> = {};
  let whole = 0;
  let lost = 0;
  for (const [name, ref] of Object.entries(record.outputs)) {
    if (!isArtifactRef(ref)) continue;
    const target = join(directory, name);
    const found = await unlessLost(async () => {
      const { files } = await readManifest(store, ref);
      for (const [path, { sha256 }] of Object.entries(files)) {
        await mkdir(dirname(join(target, path)), { recursive: true });
        if (await unlessLost(() => store.getBlob(sha256, join(target, path)))) whole++;
        else lost++;
        onFile();
      }
    });
    if (found) directories[name] = target;
  }
  return { directories, whole, lost };
}

async function unlessLost(fetch: () => Promise<void>): Promise<boolean> {
  try {
    await fetch();
    return true;
  } catch (error) {
    if (error instanceof StoreError && (error.code === 'missing' || error.code === 'corrupt')) return false;
    throw error;
  }
}
