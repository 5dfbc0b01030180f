import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { clearly, TemporaryPaths, writeWhole } from './atomic-file.ts';
import { setsOf } from './disposable-sets.ts';
import {
  checkFormat,
  documentParts,
  documentText,
  FORMAT,
  isReserved,
  nameParts,
  parseDocument,
} from './documents.ts';
import { StoreError } from './error.ts';
import {
  DisposableFileSystemBlobs,
  FileSystemBlobs,
  QuarantinedFileSystemBlobs,
} from './file-system-blobs.ts';
import { allFiles } from './files-below.ts';
import type { CollectableStore, Digest, DisposableBlobs, StoredBlob } from './types.ts';

/**
 * A store in a directory that processes on one host (or on a network mount with atomic rename and link) share:
 * `blobs/ab/abcdef…`, `disposable/<name>/ab/…`, `quarantine/ab/…`, documents as `<name>.json`, `tmp/`, and `store.json`, which names the format.
 * Nothing is created before the first write.
 */
export class FileSystemStore extends FileSystemBlobs implements CollectableStore {
  readonly location: string;
  private readonly files: TemporaryPaths;
  private readonly quarantined: QuarantinedFileSystemBlobs;
  private formatWritten = false;

  constructor(directory: string) {
    const root = resolve(directory);
    const files = new TemporaryPaths(join(root, 'tmp'));
    super(join(root, 'blobs'), files);
    this.location = root;
    this.files = files;
    this.quarantined = new QuarantinedFileSystemBlobs(join(root, 'quarantine'), files, (digest) =>
      this.blobPath(digest),
    );
    checkRoot(root);
  }

  disposable(name: string): DisposableBlobs {
    return new DisposableFileSystemBlobs(join(this.location, 'disposable', ...nameParts(name)), this.files);
  }

  private documentPath(name: string): string {
    return `${join(this.location, ...documentParts(name))}.json`;
  }

  async readDocument<T>(name: string): Promise<T | null> {
    const path = this.documentPath(name);
    return clearly(path, async () => {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
      return parseDocument<T>(text, path);
    });
  }

  async putDocumentIfAbsent<T>(name: string, value: T): Promise<{ value: T; created: boolean }> {
    const path = this.documentPath(name);
    await this.markFormat();
    for (;;) {
      if (await writeWhole(this.files, path, documentText(value), 'create')) return { value, created: true };
      const stored = await this.readDocument<T>(name);
      if (stored !== null) return { value: stored, created: false };
    }
  }

  async writeDocument<T>(name: string, value: T): Promise<void> {
    const path = this.documentPath(name);
    await this.markFormat();
    await writeWhole(this.files, path, documentText(value), 'replace');
  }

  async deleteDocument(name: string): Promise<void> {
    const path = this.documentPath(name);
    await clearly(path, () => rm(path, { force: true }));
  }

  async listDocuments(prefix: string): Promise<string[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const found: string[] = [];
    await this.walk(folder === '' ? [] : nameParts(folder.slice(0, -1)), found);
    return found.filter((name) => name.startsWith(prefix)).sort();
  }

  private async walk(parts: string[], found: string[]): Promise<void> {
    const directory = join(this.location, ...parts);
    const entries = await clearly(directory, () =>
      readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      }),
    );
    for (const entry of entries) {
      if (parts.length === 0 && isReserved(entry.name)) continue;
      if (entry.isDirectory()) await this.walk([...parts, entry.name], found);
      else if (entry.isFile() && entry.name.endsWith('.json'))
        found.push([...parts, entry.name.slice(0, -5)].join('/'));
    }
  }

  listBlobs(): AsyncIterable<StoredBlob> {
    return blobsBelow(join(this.location, 'blobs'));
  }

  listQuarantine(): AsyncIterable<StoredBlob> {
    return blobsBelow(join(this.location, 'quarantine'));
  }

  quarantine(digest: Digest, before: Date): Promise<boolean> {
    return this.quarantined.take(digest, before);
  }

  restore(digest: Digest): Promise<void> {
    return this.quarantined.giveBack(digest);
  }

  drop(digest: Digest): Promise<void> {
    return this.quarantined.drop(digest);
  }

  async listDisposable(): Promise<{ name: string; size: number; modified: Date }[]> {
    return setsOf(allFiles(join(this.location, 'disposable')));
  }

  /** Whether a writer died is known better than by age, where it ran on this host. */
  removeUnfinished(): Promise<number> {
    return clearly(this.location, () => this.files.sweep());
  }

  private async markFormat(): Promise<void> {
    if (this.formatWritten) return;
    await writeWhole(
      this.files,
      join(this.location, 'store.json'),
      documentText({ format: FORMAT }),
      'create',
    );
    this.formatWritten = true;
  }
}

async function* blobsBelow(directory: string): AsyncGenerator<StoredBlob> {
  for await (const { parts, size, modified } of allFiles(directory))
    yield { sha256: parts.at(-1) as string, size, modified };
}

function checkRoot(root: string): void {
  if (!existsSync(root)) return;
  if (!statSync(root).isDirectory()) {
    throw new StoreError(
      'bad-name',
      `${root} is a file, not a directory.`,
      'Give the store a directory of its own.',
    );
  }
  const marker = join(root, 'store.json');
  if (existsSync(marker)) checkFormat(readFileSync(marker, 'utf8'), root);
}
