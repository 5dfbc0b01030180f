import { setsOf } from '../disposable-sets.ts';
import {
  checkFormat,
  documentParts,
  documentText,
  FORMAT,
  isReserved,
  nameParts,
  parseDocument,
} from '../documents.ts';
import type { CollectableStore, Digest, DisposableBlobs, StoredBlob } from '../types.ts';
import { parseS3Address } from './address.ts';
import { createByAgreement, deleteClaims, removeOldClaims } from './agreement.ts';
import { DisposableS3Blobs, QuarantinedS3Blobs, S3Blobs } from './blobs.ts';
import { Bucket, type BucketOptions } from './bucket.ts';
import { isUnknownToServer } from './failure.ts';

const MARKER = 'store.json';

export interface S3StoreOptions extends BucketOptions {
  /** Of `agreement.ts`: for tests. */
  publishMs?: number;
}

/**
 * A store in a bucket, laid out as in a directory, so that either can be copied to the other: objects `blobs/ab/abcdef…`,
 * `disposable/<name>/ab/…`, `quarantine/ab/…`, documents as `<name>.json`, and `store.json`, which names the format. What S3 promises since
 * 2020 is relied on: a write is seen by every later read and list.
 */
export class S3Store extends S3Blobs implements CollectableStore {
  readonly location: string;
  private readonly quarantined: QuarantinedS3Blobs;
  private readonly agreements = new Map<string, Promise<boolean>>();
  /** Whether the server knows conditional writes. */
  private marked: Promise<boolean> | null = null;

  constructor(
    location: string,
    private readonly options: S3StoreOptions = {},
  ) {
    const address = parseS3Address(location, options.env);
    super(new Bucket(address, options), 'blobs/');
    this.location = address.location;
    this.quarantined = new QuarantinedS3Blobs(this.bucket, 'quarantine/', (digest) => this.keyOf(digest));
  }

  disposable(name: string): DisposableBlobs {
    return new DisposableS3Blobs(this.bucket, `disposable/${nameParts(name).join('/')}/`);
  }

  async readDocument<T>(name: string): Promise<T | null> {
    const key = documentKey(name);
    const bytes = await this.bucket.get(key);
    return bytes === null ? null : parseDocument<T>(bytes.toString('utf8'), `${key} of ${this.location}`);
  }

  async putDocumentIfAbsent<T>(name: string, value: T): Promise<{ value: T; created: boolean }> {
    const key = documentKey(name);
    const text = documentText(value);
    const conditional = await this.mark();
    for (;;) {
      const created = conditional
        ? await this.bucket.putIfAbsent(key, Buffer.from(text))
        : await this.agree(key, text);
      if (created) return { value, created };
      const stored = await this.readDocument<T>(name);
      if (stored !== null) return { value: stored, created: false };
    }
  }

  /** One of a process at a time, so that its own do not outbid each other. */
  private async agree(key: string, text: string): Promise<boolean> {
    const before = this.agreements.get(key) ?? Promise.resolve(false);
    const mine = before
      .catch(() => false)
      .then(() => createByAgreement(this.bucket, key, text, this.options.publishMs));
    this.agreements.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.agreements.get(key) === mine) this.agreements.delete(key);
    }
  }

  async writeDocument<T>(name: string, value: T): Promise<void> {
    const key = documentKey(name);
    const bytes = Buffer.from(documentText(value));
    await this.mark();
    await this.bucket.put(key, bytes);
  }

  async deleteDocument(name: string): Promise<void> {
    const key = documentKey(name);
    if (!(await this.mark())) await deleteClaims(this.bucket, key);
    await this.bucket.remove(key);
  }

  async listDocuments(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    const folders = prefix.includes('/') ? [prefix] : [];
    if (folders.length === 0) {
      // Blobs are many, and no documents: only the other folders are looked into.
      for await (const { key } of this.bucket.list(prefix, true)) {
        if (isReserved(key.split('/')[0] as string)) continue;
        (key.endsWith('/') ? folders : keys).push(key);
      }
    }
    for (const folder of folders) for await (const { key } of this.bucket.list(folder)) keys.push(key);
    return keys
      .filter((key) => key.endsWith('.json'))
      .map((key) => key.slice(0, -'.json'.length))
      .sort();
  }

  listBlobs(): AsyncIterable<StoredBlob> {
    return this.blobsBelow('blobs/');
  }

  listQuarantine(): AsyncIterable<StoredBlob> {
    return this.blobsBelow('quarantine/');
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

  listDisposable(): Promise<{ name: string; size: number; modified: Date }[]> {
    return setsOf(this.objectsBelow('disposable/'));
  }

  async removeUnfinished(before: Date): Promise<number> {
    let removed = await removeOldClaims(this.bucket, before);
    for (const { key, upload, begun } of await this.bucket.unfinishedUploads()) {
      if (begun >= before) continue;
      await this.bucket.abortUpload(key, upload);
      removed += 1;
    }
    return removed;
  }

  private async *blobsBelow(folder: string): AsyncGenerator<StoredBlob> {
    for await (const { parts, size, modified } of this.objectsBelow(folder))
      yield { sha256: parts.at(-1) as string, size, modified };
  }

  private async *objectsBelow(folder: string) {
    for await (const { key, size, modified } of this.bucket.list(folder))
      yield { parts: key.slice(folder.length).split('/'), size, modified };
  }

  private mark(): Promise<boolean> {
    this.marked ??= this.writeMarker().catch((error) => {
      this.marked = null;
      throw error;
    });
    return this.marked;
  }

  /** Names the format, and finds out whether the server knows conditional writes: one that does refuses the second. */
  private async writeMarker(): Promise<boolean> {
    const marker = Buffer.from(documentText({ format: FORMAT }));
    const stored = await this.bucket.get(MARKER);
    if (stored !== null) checkFormat(stored.toString('utf8'), this.location);
    try {
      for (let tries = 0; tries < 2; tries++)
        if (!(await this.bucket.putIfAbsent(MARKER, marker))) return true;
      return false;
    } catch (error) {
      if (!isUnknownToServer((error as Error).cause)) throw error;
      if (stored === null) await this.bucket.put(MARKER, marker);
      return false;
    }
  }
}

function documentKey(name: string): string {
  return `${documentParts(name).join('/')}.json`;
}
