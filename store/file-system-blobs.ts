import { constants } from 'node:fs';
import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clearly, moveFile, publish, shareFile, type TemporaryPaths } from './atomic-file.ts';
import { checkFile, digestOfFile, sha256 } from './digest.ts';
import { StoreError } from './error.ts';
import type { ArtifactFile, BlobState, Blobs, Digest, DisposableBlobs } from './types.ts';

/** Blobs as read-only files `ab/abcdef…` below a directory. */
export class FileSystemBlobs implements Blobs {
  constructor(
    protected readonly directory: string,
    private readonly temporary: TemporaryPaths,
  ) {}

  protected blobPath(digest: Digest): string {
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new StoreError(
        'bad-name',
        `${JSON.stringify(digest)} is not a SHA-256.`,
        'Digests are 64 lower-case hex digits.',
      );
    }
    return join(this.directory, digest.slice(0, 2), digest);
  }

  async putBlob(file: string, options: { consume?: boolean } = {}): Promise<ArtifactFile> {
    return clearly(this.directory, async () => {
      const path = await this.temporary.path();
      try {
        if (options.consume) await moveFile(file, path);
        else await copyFile(file, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        // The digest of what will be kept, not of the source, which could change between two reads.
        const stored = await digestOfFile(path);
        if (stored === null) throw new Error(`${path} vanished while it was stored`);
        const target = this.blobPath(stored.sha256);
        if ((await this.checkBlob(stored, 'full')) !== 'ok') await publish(path, target);
        return stored;
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  async putBytes(bytes: Uint8Array): Promise<ArtifactFile> {
    const stored = { sha256: sha256(bytes), size: bytes.byteLength };
    if ((await this.checkBlob(stored, 'full')) === 'ok') return stored;
    await clearly(this.directory, async () => {
      const path = await this.temporary.path();
      try {
        await writeFile(path, bytes, { flag: 'wx' });
        await publish(path, this.blobPath(stored.sha256));
      } finally {
        await rm(path, { force: true });
      }
    });
    return stored;
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    return stat(this.blobPath(digest)).then(
      (info) => info.isFile(),
      () => false,
    );
  }

  async checkBlob(file: ArtifactFile, depth: 'quick' | 'full'): Promise<BlobState> {
    const path = this.blobPath(file.sha256);
    return clearly(path, () => checkFile(path, file, depth));
  }

  async getBlob(digest: Digest, target: string): Promise<void> {
    const path = this.blobPath(digest);
    await clearly(path, async () => {
      const found = await digestOfFile(path);
      if (found === null) throw missing(digest, path);
      if (found.sha256 !== digest) throw corrupt(digest, path);
      await shareFile(path, target);
    });
  }

  async readBytes(digest: Digest): Promise<Uint8Array> {
    const path = this.blobPath(digest);
    return clearly(path, async () => {
      const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? missing(digest, path) : error;
      });
      if (sha256(bytes) !== digest) throw corrupt(digest, path);
      return bytes;
    });
  }
}

/** The same for blobs with one owner. */
export class DisposableFileSystemBlobs extends FileSystemBlobs implements DisposableBlobs {
  async deleteBlob(digest: Digest): Promise<void> {
    const path = this.blobPath(digest);
    await clearly(path, () => rm(path, { force: true }));
  }

  async deleteAll(): Promise<void> {
    await clearly(this.directory, () => rm(this.directory, { recursive: true, force: true }));
  }
}

function missing(digest: Digest, path: string): StoreError {
  return new StoreError(
    'missing',
    `Blob ${digest.slice(0, 12)}… is not in the store (${path}).`,
    'Run the same command again: what made it runs again.',
  );
}

function corrupt(digest: Digest, path: string): StoreError {
  return new StoreError(
    'corrupt',
    `Blob ${digest.slice(0, 12)}… does not have the bytes that its name says (${path}).`,
    'Run the same command again: what made it runs again. If it recurs, check the disk.',
  );
}
