import { constants } from 'node:fs';
import { copyFile, link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { clearly, makeDirectory, moveFile, publish, shareFile, type TemporaryPaths } from './atomic-file.ts';
import { checkFile, digestOfFile, sha256 } from './digest.ts';
import { StoreError } from './error.ts';
import { FRESH_MS } from './fresh.ts';
import type { ArtifactFile, BlobState, Blobs, Digest, DisposableBlobs } from './types.ts';

/** Blobs as read-only files `ab/abcdef…` below a directory. */
export class FileSystemBlobs implements Blobs {
  constructor(
    protected readonly directory: string,
    private readonly temporary: TemporaryPaths,
  ) {}

  blobPath(digest: Digest): string {
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
        if (!(await this.holds(stored))) await publish(path, target);
        return stored;
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  async putBytes(bytes: Uint8Array): Promise<ArtifactFile> {
    const stored = { sha256: sha256(bytes), size: bytes.byteLength };
    if (await this.holds(stored)) return stored;
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

  /** Whether it is there and whole; it is then as good as just put, which keeps a collector of garbage from it. */
  private async holds(file: ArtifactFile): Promise<boolean> {
    if ((await this.checkBlob(file, 'full')) !== 'ok') return false;
    const path = this.blobPath(file.sha256);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > FRESH_MS) await utimes(path, new Date(), new Date());
      return true;
    } catch (error) {
      // Gone meanwhile, or another user's file: it is put anew.
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'EPERM') return false;
      throw error;
    }
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

/** Blobs that a collector of garbage has taken out of the others, until they are needed after all or deleted. */
export class QuarantinedFileSystemBlobs extends FileSystemBlobs {
  constructor(
    directory: string,
    temporary: TemporaryPaths,
    private readonly from: (digest: Digest) => string,
  ) {
    super(directory, temporary);
  }

  /** Takes it first and looks then: whoever puts it meanwhile has either made it fresh, or finds it gone. */
  async take(digest: Digest, before: Date): Promise<boolean> {
    const [path, target] = [this.from(digest), this.blobPath(digest)];
    return clearly(path, async () => {
      await makeDirectory(dirname(target));
      if (!(await renameIfThere(path, target))) return false;
      if ((await stat(target)).mtimeMs >= before.getTime()) {
        await this.giveBack(digest);
        return false;
      }
      await utimes(target, new Date(), new Date());
      return true;
    });
  }

  async giveBack(digest: Digest): Promise<void> {
    const [path, target] = [this.blobPath(digest), this.from(digest)];
    await clearly(path, async () => {
      try {
        await makeDirectory(dirname(target));
        await link(path, target);
      } catch (error) {
        // Put again meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      await rm(path, { force: true });
    });
  }

  async drop(digest: Digest): Promise<void> {
    const path = this.blobPath(digest);
    await clearly(path, () => rm(path, { force: true }));
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

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
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
