import { fileURLToPath } from 'node:url';
import { StoreError } from './error.ts';
import { FileSystemStore } from './file-system.ts';
import type { Store } from './types.ts';

/** The store at a location: a directory, or a `file:` URL. Creates nothing until something is written. */
export function openStore(location: string): Store {
  if (location.startsWith('file:')) return new FileSystemStore(fileURLToPath(location));
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(location)?.[1];
  if (scheme !== undefined) {
    throw new StoreError(
      'unsupported',
      `Stores at ${scheme}:// addresses are not supported (${location.replace(/\/\/[^@/]*@/, '//')}).`,
      'Give a directory; a network mount that all hosts see will do.',
    );
  }
  if (location.trim() === '')
    throw new StoreError(
      'bad-name',
      'The store needs a directory.',
      'Give a path, for example .plumb/store.',
    );
  return new FileSystemStore(location);
}
