import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from './canonical.ts';
import { digestOfFile, sha256 } from './digest.ts';
import { StoreError } from './error.ts';
import type { Digest } from './types.ts';

/**
 * What a local file or directory holds, as one digest: of a file the SHA-256 of its bytes; of a directory the SHA-256 of the
 * canonical JSON `{path: sha256}` of the files below it. Links are followed; names that begin with a dot do not count.
 * @throws StoreError `missing`
 */
export async function fingerprintPath(path: string): Promise<Digest> {
  const info = await stat(path).catch(() => null);
  if (info === null) throw absent(path);
  if (!info.isDirectory()) return digestOrAbsent(path);
  const files: Record<string, Digest> = {};
  const walk = async (below: string) => {
    for (const name of await readdir(join(path, below))) {
      if (name.startsWith('.')) continue;
      const inner = below === '' ? name : `${below}/${name}`;
      const found = await stat(join(path, inner)).catch(() => null);
      if (found === null) throw absent(join(path, inner));
      if (found.isDirectory()) await walk(inner);
      else files[inner] = await digestOrAbsent(join(path, inner));
    }
  };
  await walk('');
  return sha256(canonicalJson(files));
}

async function digestOrAbsent(path: string): Promise<Digest> {
  const found = await digestOfFile(path);
  if (found === null) throw absent(path);
  return found.sha256;
}

function absent(path: string): StoreError {
  return new StoreError(
    'missing',
    `${path} does not exist.`,
    'Check the path; on another host the file must lie at the same place.',
  );
}
