import { checkArtifact } from './artifacts.ts';
import { StoreError } from './error.ts';
import type { ArtifactRef, Digest, PointRecord, Store } from './types.ts';

/** Accepted results: `results/<key>`, written once, and believed only while the artifacts that they name are whole. */

const documentOf = (key: Digest) => `results/${key}`;

export type ResultLookup =
  | { state: 'absent' }
  | { state: 'accepted'; record: PointRecord }
  /** There, but not to be used: the point must run again. `record`: what it says, if it can be read. */
  | { state: 'invalid'; why: string; record?: PointRecord };

/** Looks the result of a key up. `full` reads every byte of its artifacts (once a process), `quick` looks at sizes. */
export async function lookUpResult(
  store: Store,
  key: Digest,
  depth: 'quick' | 'full' = 'full',
): Promise<ResultLookup> {
  let record: PointRecord | null;
  try {
    record = await store.readDocument<PointRecord>(documentOf(key));
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt')
      return { state: 'invalid', why: error.message };
    throw error;
  }
  if (record === null) return { state: 'absent' };
  if (record.key !== key || typeof record.outputs !== 'object' || typeof record.metrics !== 'object') {
    return { state: 'invalid', why: `${documentOf(key)} does not hold a result of this key` };
  }
  for (const ref of artifactsOf(record)) {
    const found = await checkArtifact(store, ref, depth);
    if (found.state !== 'ok') return { state: 'invalid', why: found.what, record };
  }
  return { state: 'accepted', record };
}

/**
 * Accepts a result: of all attempts at a key, exactly one record wins, and this returns it. A stored record whose
 * artifacts are no longer whole loses to the new one. The artifacts must have been stored before.
 */
export async function acceptResult(
  store: Store,
  record: PointRecord,
): Promise<{ record: PointRecord; created: boolean }> {
  for (const ref of artifactsOf(record)) {
    const found = await checkArtifact(store, ref, 'quick');
    if (found.state !== 'ok')
      throw new StoreError(found.state, `A result needs ${found.what}.`, 'Try the point again.');
  }
  const created = await putIfAbsent(store, record);
  if (created) return { record, created };
  const stored = await lookUpResult(store, record.key);
  if (stored.state === 'accepted') return { record: stored.record, created: false };
  await store.writeDocument(documentOf(record.key), record);
  return { record, created: true };
}

async function putIfAbsent(store: Store, record: PointRecord): Promise<boolean> {
  try {
    return (await store.putDocumentIfAbsent(documentOf(record.key), record)).created;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return false;
    throw error;
  }
}

/** The artifacts that a record names, in the order of its outputs. */
export function artifactsOf(record: Pick<PointRecord, 'outputs'>): ArtifactRef[] {
  return Object.values(record.outputs).flatMap((value) =>
    (Array.isArray(value) ? value : [value]).filter(isArtifactRef),
  );
}

export function isArtifactRef(value: unknown): value is ArtifactRef {
  const ref = value as Partial<ArtifactRef> | null;
  return (
    typeof ref === 'object' &&
    ref !== null &&
    typeof ref.$artifact === 'string' &&
    typeof ref.digest === 'string'
  );
}
