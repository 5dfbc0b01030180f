import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/**
 * Runs a CommonJS file from the machine code's cache that V8 made of it when it last ran: most of what `plumb validate` costs
 * is reading its own source. The cache lies beside the file; without one, or with one of another Node, the file runs as it is
 * and leaves a new one behind.
 * @param path a file of ASCII alone, as the build writes them
 * @returns what the file exports
 */
export function requireCached<Exports>(path: string): Exports {
  const { size, mtimeMs } = statSync(path);
  // V8 tells sources apart by their length alone, so the cache's name has to say more.
  const cache = `${path}.${process.version}-${process.arch}-${size}-${Math.round(mtimeMs)}.cache`;
  const cachedData = readIfThere(cache);
  const source = `(function (exports, require, module, __dirname) {${readFileSync(path, 'latin1')}\n})`;
  const script = new Script(source, { filename: path, ...(cachedData && { cachedData }) });
  if (!cachedData || script.cachedDataRejected) {
    // At the end, when the functions that were needed have been compiled.
    process.once('exit', () => writeIfPossible(cache, script.createCachedData()));
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, dirname(path));
  return module.exports as Exports;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** An installation may be read-only: then every start is a first one. */
function writeIfPossible(path: string, data: Buffer): void {
  try {
    writeFileSync(`${path}.${process.pid}`, data);
    renameSync(`${path}.${process.pid}`, path);
  } catch {
    // As slow as before, and right.
  }
}
