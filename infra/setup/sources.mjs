// What the builds are made from: a build is skipped when the contents of its sources have not changed.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const SKIPPED = new Set(['node_modules', 'generated', 'fixtures', 'histories']);

/** Every file below `folders` (of `root`) with one of these endings, sorted, relative to `root`. */
export function sourceFiles(root, folders, endings) {
  const found = [];
  const visit = (folder) => {
    let entries;
    try {
      entries = readdirSync(folder, { withFileTypes: true });
    } catch {
      return;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) visit(path);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(relative(root, path));
    }
  };
  for (const folder of folders) visit(join(root, folder));
  return found.sort();
}

/** SHA-256 over names and contents of files, and over anything else that the result depends on. */
export function digestOf(root, files, ...also) {
  const hash = createHash('sha256');
  for (const text of also) hash.update(`${text}\0`);
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}
