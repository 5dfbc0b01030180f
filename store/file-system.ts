import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { clearly, TemporaryPaths, writeWhole } from './atomic-file.ts';
import { StoreError } from './error.ts';
import { DisposableFileSystemBlobs, FileSystemBlobs } from './file-system-blobs.ts';
import type { DisposableBlobs, Store } from './types.ts';

/** Names that are directories of the layout, never documents. */
const RESERVED = new Set(['blobs', 'disposable', 'tmp', 'store']);

/**
 * A store in a directory that processes on one host (or on a network mount with atomic rename and link) share:
 * `blobs/ab/abcdef…`, `disposable/<name>/ab/…`, documents as `<name>.json`, `tmp/`, and `store.json`, which names the format.
 * Nothing is created before the first write.
 */
export class FileSystemStore extends FileSystemBlobs implements Store {
  readonly location: string;
  private readonly files: TemporaryPaths;
  private formatWritten = false;

  constructor(directory: string) {
    const root = resolve(directory);
    const files = new TemporaryPaths(join(root, 'tmp'));
    super(join(root, 'blobs'), files);
    this.location = root;
    this.files = files;
    checkFormat(root);
  }

  disposable(name: string): DisposableBlobs {
    return new DisposableFileSystemBlobs(join(this.location, 'disposable', ...segments(name)), this.files);
  }

  private documentPath(name: string): string {
    const parts = segments(name);
    if (RESERVED.has(parts[0] as string)) throw badName(name);
    return `${join(this.location, ...parts)}.json`;
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
      try {
        return JSON.parse(text) as T;
      } catch (error) {
        throw new StoreError(
          'corrupt',
          `${path} is not JSON: it was changed from outside.`,
          `Delete ${path} and run again.`,
          {
            cause: error,
          },
        );
      }
    });
  }

  async putDocumentIfAbsent<T>(name: string, value: T): Promise<{ value: T; created: boolean }> {
    const path = this.documentPath(name);
    await this.markFormat();
    for (;;) {
      if (await writeWhole(this.files, path, encode(value), 'create')) return { value, created: true };
      const stored = await this.readDocument<T>(name);
      if (stored !== null) return { value: stored, created: false };
    }
  }

  async writeDocument<T>(name: string, value: T): Promise<void> {
    const path = this.documentPath(name);
    await this.markFormat();
    await writeWhole(this.files, path, encode(value), 'replace');
  }

  async deleteDocument(name: string): Promise<void> {
    const path = this.documentPath(name);
    await clearly(path, () => rm(path, { force: true }));
  }

  async listDocuments(prefix: string): Promise<string[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const found: string[] = [];
    await this.walk(folder === '' ? [] : segments(folder.slice(0, -1)), found);
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
      if (parts.length === 0 && RESERVED.has(entry.name.replace(/\.json$/, ''))) continue;
      if (entry.isDirectory()) await this.walk([...parts, entry.name], found);
      else if (entry.isFile() && entry.name.endsWith('.json'))
        found.push([...parts, entry.name.slice(0, -5)].join('/'));
    }
  }

  private async markFormat(): Promise<void> {
    if (this.formatWritten) return;
    await writeWhole(this.files, join(this.location, 'store.json'), encode({ format: 1 }), 'create');
    this.formatWritten = true;
  }
}

function encode(value: unknown): string {
  const text = JSON.stringify(value, null, 1);
  if (text === undefined) throw new TypeError('A document must be a JSON value.');
  return `${text}\n`;
}

function segments(name: string): string[] {
  const parts = name.split('/');
  // No leading dot: neither `..` nor hidden files. Everything else that file systems and object stores both take.
  if (
    name.length > 900 ||
    !parts.every((part) =>
      /^[\p{L}\p{N}_\-=,+@[\](){}!~ ][\p{L}\p{N}_\-=,+@[\](){}!~ .:]{0,200}$/u.test(part),
    )
  ) {
    throw badName(name);
  }
  return parts;
}

function badName(name: string): StoreError {
  return new StoreError(
    'bad-name',
    `${JSON.stringify(name)} cannot name a document.`,
    'Use letters, digits and . _ - = between slashes.',
  );
}

function checkFormat(root: string): void {
  if (!existsSync(root)) return;
  if (!statSync(root).isDirectory()) {
    throw new StoreError(
      'bad-name',
      `${root} is a file, not a directory.`,
      'Give the store a directory of its own.',
    );
  }
  const marker = join(root, 'store.json');
  if (!existsSync(marker)) return;
  let format: unknown;
  try {
    format = (JSON.parse(readFileSync(marker, 'utf8')) as { format?: unknown }).format;
  } catch {
    format = undefined;
  }
  if (format !== 1) {
    throw new StoreError(
      'unsupported',
      `${root} has store format ${JSON.stringify(format ?? null)}, and this version reads format 1.`,
      'Use the version of plumb that wrote it, or another directory.',
    );
  }
}
