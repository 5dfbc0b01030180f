import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { HubFile, RepositoryType } from './types.ts';

const COMMIT = /^[0-9a-f]{40}$/;

/** The cache of Hugging Face's tools: <type>s--<organisation>--<name>/{blobs,refs,snapshots}. */
export class HubCache {
  readonly root: string;

  constructor(cache: string, type: RepositoryType, repository: string) {
    this.root = join(cache, `${type}s--${repository.replaceAll('/', '--')}`);
  }

  blob(etag: string): string {
    return join(this.root, 'blobs', etag);
  }

  /** Where a download is kept until it is whole; each owner has its own, so that none writes into another's. */
  partial(etag: string, owner: string): string {
    return join(this.root, 'blobs', `${etag}.${owner}.incomplete`);
  }

  snapshot(commit: string): string {
    return join(this.root, 'snapshots', commit);
  }

  /** The commit that a revision was when it was last seen; null when it was not. */
  commitOf(revision: string): string | null {
    if (COMMIT.test(revision)) return existsSync(this.snapshot(revision)) ? revision : null;
    const ref = join(this.root, 'refs', revision);
    const commit = existsSync(ref) ? readFileSync(ref, 'utf8').trim() : '';
    return COMMIT.test(commit) ? commit : null;
  }

  keepRef(revision: string, commit: string): void {
    if (revision === commit) return;
    const ref = join(this.root, 'refs', revision);
    mkdirSync(dirname(ref), { recursive: true });
    writeFileSync(`${ref}.${process.pid}`, commit);
    renameSync(`${ref}.${process.pid}`, ref);
  }

  /** Links a file of a snapshot to its blob, as the tools do. */
  link(commit: string, file: HubFile): void {
    const path = join(this.snapshot(commit), file.path);
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.link`;
    symlinkSync(relative(dirname(path), this.blob(file.etag)), temporary);
    renameSync(temporary, path);
  }

  /** The files of a snapshot that are there, by path. */
  filesOf(commit: string): string[] {
    const root = this.snapshot(commit);
    const found: string[] = [];
    const walk = (directory: string) => {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) walk(path);
        else if (existsSync(path)) found.push(relative(root, path).split(sep).join('/'));
      }
    };
    if (existsSync(root)) walk(root);
    return found.sort();
  }
}
