// What set-up found, left in node_modules/.plumbline for the next set-up and for the programs (engine, CLI, doctor).
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = (root, name) => join(root, 'node_modules', '.plumbline', `${name}.json`);

export function readStamp(root, name) {
  try {
    return JSON.parse(readFileSync(file(root, name), 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeStamp(root, name, value) {
  const path = file(root, name);
  mkdirSync(join(root, 'node_modules', '.plumbline'), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.${process.pid}`, path);
}

/** What tells later, without reading it, that a file is still the one that was checked. */
export function fileStamp(path) {
  const { size, mtimeMs } = statSync(path);
  return { path, bytes: size, modified: mtimeMs };
}

export function unchanged({ path, bytes, modified }) {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.size === bytes && stats.mtimeMs === modified;
}
