import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { clearly } from './atomic-file.ts';

export interface FileBelow {
  /** Of its path below the directory. */
  parts: string[];
  size: number;
  modified: Date;
}

/** All files below a directory, those that come or go meanwhile perhaps. */
export async function* allFiles(directory: string, parts: string[] = []): AsyncGenerator<FileBelow> {
  const here = join(directory, ...parts);
  const entries = await clearly(here, () => readdir(here, { withFileTypes: true }).catch(orAbsent([])));
  for (const entry of entries) {
    const path = [...parts, entry.name];
    if (entry.isDirectory()) yield* allFiles(directory, path);
    if (!entry.isFile()) continue;
    const info = await clearly(here, () => stat(join(directory, ...path)).catch(orAbsent(null)));
    if (info !== null) yield { parts: path, size: info.size, modified: info.mtime };
  }
}

function orAbsent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
