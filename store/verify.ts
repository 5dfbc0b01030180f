import { checkArtifact, readManifest } from './artifacts.ts';
import { StoreError } from './error.ts';
import { artifactsOf, unsealed } from './results.ts';
import type { ArtifactRef, BlobState, CollectableStore, Digest, PointRecord } from './types.ts';

export interface Verified {
  of: 'results' | 'artifacts' | 'blobs';
  state: BlobState;
  /** What is wrong with what, for people. */
  what: string;
}

/**
 * Reads every byte of results, of the artifacts that they name and, without `keys`, of all other blobs (payloads of histories,
 * files that nothing names), and compares it with its digest. Files of checkpoints are compared when they are used.
 */
export async function* verifyStore(store: CollectableStore, keys: Digest[] | null): AsyncGenerator<Verified> {
  const names = keys?.map((key) => `results/${key}`) ?? (await store.listDocuments('results/'));
  const artifacts = new Set<Digest>();
  const blobs = new Set<Digest>();
  for (const name of names) {
    const record = await resultAt(store, name);
    if (typeof record === 'string') {
      yield { of: 'results', state: 'corrupt', what: record };
      continue;
    }
    if (record === null) continue;
    yield { of: 'results', state: 'ok', what: name };
    for (const ref of artifactsOf(record)) {
      if (artifacts.has(ref.digest)) continue;
      artifacts.add(ref.digest);
      const { state, what } = await checkArtifact(store, ref, 'full');
      for (const digest of await blobsOf(store, ref)) blobs.add(digest);
      yield { of: 'artifacts', state, what: `${record.run.point}: ${what}` };
    }
  }
  if (keys !== null) return;
  for await (const { sha256, size } of store.listBlobs()) {
    if (blobs.has(sha256)) continue;
    const state = await store.checkBlob({ sha256, size }, 'full');
    yield { of: 'blobs', state, what: `blob ${sha256} is ${state}` };
  }
}

/** null: it is not there. A text: what is wrong with it. */
async function resultAt(store: CollectableStore, name: string): Promise<PointRecord | string | null> {
  try {
    const stored = await store.readDocument<PointRecord>(name);
    if (stored === null) return null;
    const record = unsealed(stored);
    const whole = record !== null && name === `results/${record.key}`;
    return whole ? record : `${name} was changed: its numbers are not those that were computed`;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return error.message;
    throw error;
  }
}

async function blobsOf(store: CollectableStore, ref: ArtifactRef): Promise<Digest[]> {
  try {
    return Object.values((await readManifest(store, ref)).files).map(({ sha256 }) => sha256);
  } catch (error) {
    if (error instanceof StoreError && (error.code === 'missing' || error.code === 'corrupt')) return [];
    throw error;
  }
}
