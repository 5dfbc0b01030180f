import { fileURLToPath } from 'node:url';
import { StoreError } from './error.ts';
import { FileSystemStore } from './file-system.ts';
import { S3Store } from './s3/store.ts';
import type { CollectableStore } from './types.ts';

/** The store at a location: a directory, a `file:` URL, or `s3://BUCKET/PREFIX`. Creates nothing until something is written. */
export function openStore(location: string): CollectableStore {
  if (location.startsWith('file:')) return new FileSystemStore(fileURLToPath(location));
  if (location.startsWith('s3:')) return new S3Store(location);
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(location)?.[1];
  if (scheme !== undefined) {
    throw new StoreError(
      'unsupported',
      `Stores at ${scheme}:// addresses are not supported (${location.replace(/\/\/[^@/]*@/, '//')}).`,
      'Give a directory, which may be a network mount that all hosts see, or s3://BUCKET/PREFIX.',
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
