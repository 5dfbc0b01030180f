import { digestOrNull } from './artifacts.ts';
import { StoreError } from './error.ts';
import { FRESH_MS } from './fresh.ts';
import { unsealed } from './results.ts';
import type { ArtifactManifest, CollectableStore, Digest, PointRecord } from './types.ts';

/**
 * Garbage: what nothing in the store leads to. Documents are the roots, all of them but manifests: results, runs with their
 * plans, payloads of histories, checkpoints. Any SHA-256 in the text of one keeps the blob, and the artifact with its blobs, of
 * that name. So it takes no knowledge of what documents mean, and a new kind of document is safe.
 *
 * Runs may write meanwhile. A writer puts blobs first, then the manifest, then the result, which is accepted only when a last
 * look finds them all. So (1) nothing younger than `olderThanMs` is touched, and a blob that is put again is young again;
 * (2) what nothing leads to is put in quarantine, not deleted; (3) then the roots are read anew, and what one of them leads to
 * by now comes back; (4) what was put in quarantine by an earlier collection, as long ago, and is still not needed, is deleted.
 */
export interface CollectOptions {
  /** At least twice `FRESH_MS`. */
  olderThanMs: number;
  /** Only say what would be done. */
  dryRun?: boolean;
}

export interface Amount {
  count: number;
  bytes: number;
}

export interface Collection {
  /** Blobs that something leads to, or that are young. */
  kept: Amount;
  quarantined: Amount;
  /** From quarantine, since they are needed after all. */
  restored: Amount;
  deleted: Amount;
  /** Sets of files of attempts whose point is accepted, or that are nobody's. */
  checkpoints: Amount;
  /** Half-written files or uploads. */
  unfinished: number;
}

export async function collectGarbage(
  store: CollectableStore,
  { olderThanMs, dryRun = false }: CollectOptions,
): Promise<Collection> {
  if (olderThanMs < 2 * FRESH_MS) throw new RangeError('olderThanMs leaves writers too little time');
  const before = new Date(Date.now() - olderThanMs);
  const none = (): Amount => ({ count: 0, bytes: 0 });
  const done: Collection = {
    ...{ kept: none(), quarantined: none(), restored: none(), deleted: none(), checkpoints: none() },
    unfinished: dryRun ? 0 : await store.removeUnfinished(before),
  };
  done.checkpoints = await collectCheckpoints(store, before, dryRun);

  const needed = await digestsNeeded(store);
  for await (const { sha256, size, modified } of store.listQuarantine()) {
    if (needed.has(sha256)) {
      if (!dryRun) await store.restore(sha256);
      add(done.restored, size);
    } else if (modified < before) {
      if (!dryRun) await store.drop(sha256);
      add(done.deleted, size);
    }
  }
  const taken = new Map<Digest, number>();
  for await (const { sha256, size, modified } of store.listBlobs()) {
    const garbage = !needed.has(sha256) && modified < before;
    if (garbage && (dryRun || (await store.quarantine(sha256, before)))) taken.set(sha256, size);
    else add(done.kept, size);
  }
  const neededNow = taken.size === 0 || dryRun ? needed : await digestsNeeded(store);
  for (const [sha256, size] of taken) {
    if (neededNow.has(sha256)) {
      await store.restore(sha256);
      add(done.kept, size);
    } else add(done.quarantined, size);
  }
  return done;
}

/** Blobs of attempts: without the attempt's document they are nobody's, and with the point's result they are of no use. */
async function collectCheckpoints(store: CollectableStore, before: Date, dryRun: boolean): Promise<Amount> {
  const found = (await store.listDisposable()).filter(({ modified }) => modified < before);
  if (found.length === 0) return { count: 0, bytes: 0 };
  const documents = new Set(await store.listDocuments(''));
  const removed = { count: 0, bytes: 0 };
  for (const { name, size } of found) {
    const result = name.replace(/(^|\/)checkpoints\/([^/]+)\/[^/]+$/, '$1results/$2');
    if (documents.has(name) && !documents.has(result)) continue;
    add(removed, size);
    if (dryRun) continue;
    await store.disposable(name).deleteAll();
    await store.deleteDocument(name);
  }
  return removed;
}

const MANIFESTS = 'artifacts/';
const READ_AT_ONCE = 32;

/** Blobs that documents lead to, directly or through an artifact. @throws StoreError when one cannot be read: who knows what it needs */
async function digestsNeeded(store: CollectableStore): Promise<Set<Digest>> {
  const names = await store.listDocuments('');
  const needed = new Set<Digest>();
  const roots = names.filter((name) => !name.startsWith(MANIFESTS));
  await eachOf(roots, async (name) => {
    const document = await store.readDocument<unknown>(name);
    if (document === null) return;
    if (/(^|\/)results\/[^/]+$/.test(name) && unsealed(document as PointRecord) === null) throw changed(name);
    for (const [digest] of `${name} ${JSON.stringify(document)}`.matchAll(/[0-9a-f]{64}/g))
      needed.add(digest);
  });
  const artifacts = names
    .filter((name) => name.startsWith(MANIFESTS))
    .map((name) => name.slice(MANIFESTS.length))
    .filter((digest) => needed.has(digest));
  await eachOf(artifacts, async (digest) => {
    for (const { sha256 } of Object.values((await readWholeManifest(store, digest)).files))
      needed.add(sha256);
  });
  return needed;
}

async function readWholeManifest(store: CollectableStore, digest: Digest): Promise<ArtifactManifest> {
  const manifest = await store.readDocument<ArtifactManifest>(`${MANIFESTS}${digest}`);
  if (digestOrNull(manifest) !== digest) throw changed(`${MANIFESTS}${digest}`);
  return manifest as ArtifactManifest;
}

/** What it leads to is not known, so nothing may go. */
function changed(name: string): StoreError {
  return new StoreError(
    'corrupt',
    `${name} was changed from outside: nothing is collected, since it may need anything.`,
    'Run the experiments that it belongs to again, which mends it, or delete it; `plumb artifacts verify` names all of them.',
  );
}

async function eachOf<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, lane));
}

function add(amount: Amount, bytes: number): void {
  amount.count += 1;
  amount.bytes += bytes;
}
