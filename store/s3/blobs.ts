import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { clearly } from '../atomic-file.ts';
import { sha256 } from '../digest.ts';
import { StoreError } from '../error.ts';
import { FRESH_MS } from '../fresh.ts';
import type { ArtifactFile, BlobState, Blobs, Digest, DisposableBlobs } from '../types.ts';
import type { Bucket, ObjectInfo } from './bucket.ts';
import { download, measure, upload } from './transfer.ts';

/** S3 copies no larger object in one request. */
const COPIED_AT_MOST = 5 * 2 ** 30;

/** Blobs as objects `ab/abcdef…` below a prefix. Every byte that comes or stays is checked against the blob's name. */
export class S3Blobs implements Blobs {
  /** Objects whose every byte was checked, as they were then. */
  private readonly known = new Map<Digest, string>();

  constructor(
    protected readonly bucket: Bucket,
    /** Ends with a slash. */
    protected readonly folder: string,
  ) {}

  keyOf(digest: Digest): string {
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new StoreError(
        'bad-name',
        `${JSON.stringify(digest)} is not a SHA-256.`,
        'Digests are 64 lower-case hex digits.',
      );
    }
    return `${this.folder}${digest.slice(0, 2)}/${digest}`;
  }

  async putBlob(file: string, options: { consume?: boolean } = {}): Promise<ArtifactFile> {
    const measured = await clearly(file, () => measure(file));
    if (measured === null)
      throw new StoreError('missing', `${file} does not exist.`, 'Write it before it is stored.');
    const stored = { sha256: measured.sha256, size: measured.size };
    const key = this.keyOf(stored.sha256);
    await this.putUnlessWhole(stored, () => clearly(file, () => upload(this.bucket, key, measured)));
    if (options.consume) await clearly(file, () => rm(file, { force: true }));
    return stored;
  }

  async putBytes(bytes: Uint8Array): Promise<ArtifactFile> {
    const stored = { sha256: sha256(bytes), size: bytes.byteLength };
    const key = this.keyOf(stored.sha256);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await this.putUnlessWhole(stored, () => this.bucket.put(key, buffer));
    return stored;
  }

  private async putUnlessWhole(file: ArtifactFile, put: () => Promise<void>): Promise<void> {
    const found = await this.bucket.stat(this.keyOf(file.sha256));
    if (found !== null && (await this.isWhole(file, found)) && (await this.keepFresh(found))) return;
    await put();
    const stored = await this.bucket.stat(this.keyOf(file.sha256));
    if (stored?.size !== file.size)
      throw new StoreError(
        'unavailable',
        `${this.bucket.address.location} holds ${stored?.size ?? 'none'} of the ${file.size} bytes just stored.`,
        'It is tried again; if it recurs, check the S3 server.',
      );
    // The server has compared the bytes that it got with their MD5.
    this.known.set(file.sha256, identityOf(stored));
  }

  /** @returns false when it must be put anew */
  private async keepFresh({ key, size, modified }: ObjectInfo): Promise<boolean> {
    if (Date.now() - modified.getTime() < FRESH_MS) return true;
    if (size > COPIED_AT_MOST || !(await this.bucket.copy(key, key))) return false;
    // Some servers change what is said of an object, and not its time.
    const now = await this.bucket.stat(key);
    return now !== null && now.modified > modified;
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    return (await this.bucket.stat(this.keyOf(digest))) !== null;
  }

  async checkBlob(file: ArtifactFile, depth: 'quick' | 'full'): Promise<BlobState> {
    const found = await this.bucket.stat(this.keyOf(file.sha256));
    if (found === null) return 'missing';
    if (found.size !== file.size) return 'corrupt';
    return depth === 'quick' || (await this.isWhole(file, found)) ? 'ok' : 'corrupt';
  }

  private async isWhole(file: ArtifactFile, found: ObjectInfo): Promise<boolean> {
    if (found.size !== file.size) return false;
    if (this.known.get(file.sha256) === identityOf(found)) return true;
    return (await this.read(file.sha256, async () => undefined)) === 'ok';
  }

  async getBlob(digest: Digest, target: string): Promise<void> {
    await clearly(target, async () => {
      const file = await open(target, 'wx', 0o444);
      let state: BlobState | null = null;
      try {
        state = await this.read(digest, async (chunks) => {
          if (chunks.length > 0) await file.writev(chunks);
        });
      } finally {
        await file.close();
        if (state !== 'ok') await rm(target, { force: true });
      }
      if (state !== 'ok') throw this.lost(digest, state);
    });
  }

  async readBytes(digest: Digest): Promise<Uint8Array> {
    const all: Buffer[] = [];
    const state = await this.read(digest, async (chunks) => {
      all.push(...chunks);
    });
    if (state !== 'ok') throw this.lost(digest, state);
    return Buffer.concat(all);
  }

  /** Reads a blob to its end, whatever it holds. */
  private async read(digest: Digest, take: (chunks: Buffer[]) => Promise<void>): Promise<BlobState> {
    const found = await download(this.bucket, this.keyOf(digest));
    if (found === null) return 'missing';
    const hash = createHash('sha256');
    for await (const chunks of found.chunks) {
      // The disk takes the bytes while they are hashed.
      const taken = take(chunks);
      for (const chunk of chunks) hash.update(chunk);
      await taken;
    }
    if (hash.digest('hex') !== digest) return 'corrupt';
    this.known.set(digest, identityOf(found.object));
    return 'ok';
  }

  private lost(digest: Digest, state: 'missing' | 'corrupt'): StoreError {
    const place = `${this.bucket.address.location}: ${this.keyOf(digest)}`;
    return state === 'missing'
      ? new StoreError(
          'missing',
          `Blob ${digest.slice(0, 12)}… is not in the store (${place}).`,
          'Run the same command again: what made it runs again.',
        )
      : new StoreError(
          'corrupt',
          `Blob ${digest.slice(0, 12)}… does not have the bytes that its name says (${place}).`,
          'Run the same command again: what made it runs again. If it recurs, check the S3 server and the network.',
        );
  }
}

/** Blobs that a collector of garbage has taken out of the others, until they are needed after all or deleted. */
export class QuarantinedS3Blobs extends S3Blobs {
  constructor(
    bucket: Bucket,
    folder: string,
    private readonly from: (digest: Digest) => string,
  ) {
    super(bucket, folder);
  }

  async take(digest: Digest, before: Date): Promise<boolean> {
    const [key, target] = [this.from(digest), this.keyOf(digest)];
    const found = await this.bucket.stat(key);
    if (found === null || found.size > COPIED_AT_MOST || found.modified >= before) return false;
    if (!(await this.bucket.copy(key, target))) return false;
    // Again, since a large one takes long to copy.
    const now = await this.bucket.stat(key);
    if (now === null || now.modified >= before) {
      await this.bucket.remove(target);
      return false;
    }
    await this.bucket.remove(key);
    return true;
  }

  async giveBack(digest: Digest): Promise<void> {
    const [key, target] = [this.keyOf(digest), this.from(digest)];
    if ((await this.bucket.stat(target)) === null) await this.bucket.copy(key, target);
    await this.bucket.remove(key);
  }

  async drop(digest: Digest): Promise<void> {
    await this.bucket.remove(this.keyOf(digest));
  }
}

/** The same for blobs with one owner. */
export class DisposableS3Blobs extends S3Blobs implements DisposableBlobs {
  async deleteBlob(digest: Digest): Promise<void> {
    await this.bucket.remove(this.keyOf(digest));
  }

  async deleteAll(): Promise<void> {
    for await (const { key } of this.bucket.list(this.folder)) await this.bucket.remove(key);
  }
}

function identityOf({ etag, size, modified }: ObjectInfo): string {
  return `${etag} ${size} ${modified.getTime()}`;
}
