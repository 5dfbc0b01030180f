import { checkArtifact } from './artifacts.ts';
import { canonicalJson } from './canonical.ts';
import { sha256 } from './digest.ts';
import { StoreError } from './error.ts';
import type { ArtifactRef, Digest, Json, PointRecord, Store } from './types.ts';

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
  let stored: SealedRecord | null;
  try {
    stored = await store.readDocument<SealedRecord>(documentOf(key));
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt')
      return { state: 'invalid', why: error.message };
    throw error;
  }
  if (stored === null) return { state: 'absent' };
  const record = unsealed(stored);
  if (record?.key !== key || typeof record.outputs !== 'object' || typeof record.metrics !== 'object') {
    return { state: 'invalid', why: `${documentOf(key)} was changed, or does not hold a result of this key` };
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
  await replaceResult(store, record);
  return { record, created: true };
}

/** Puts a result in the place of another one of its key. */
export async function replaceResult(store: Store, record: PointRecord): Promise<void> {
  await store.writeDocument(documentOf(record.key), sealed(record));
}

async function putIfAbsent(store: Store, record: PointRecord): Promise<boolean> {
  try {
    return (await store.putDocumentIfAbsent(documentOf(record.key), sealed(record))).created;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return false;
    throw error;
  }
}

/** As it is stored: `digest` is the SHA-256 of the canonical JSON of all else, so that a changed number is noticed, too. */
type SealedRecord = PointRecord & { digest?: Digest };

/** The fields of records before they were sealed; one of these has no others. */
const UNSEALED = new Set(
  'key kind kindVersion params seed run environment usage startedAt finishedAt seconds attempts dollars outputs metrics'.split(
    ' ',
  ),
);

function sealed(record: PointRecord): SealedRecord {
  // What JSON leaves out or changes is not sealed.
  const stored = JSON.parse(JSON.stringify(record)) as PointRecord;
  return { ...stored, digest: digestOf(stored) };
}

/** The record of a stored result; null when it was changed. */
export function unsealed(stored: SealedRecord): PointRecord | null {
  if (typeof stored !== 'object' || stored === null) return null;
  const { digest, ...record } = stored;
  const whole =
    digest === undefined
      ? Object.keys(record).every((field) => UNSEALED.has(field))
      : digest === digestOf(record);
  return whole ? record : null;
}

function digestOf(record: PointRecord): Digest {
  return sha256(canonicalJson(record as unknown as Json));
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
