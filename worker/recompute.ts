import type { PointOutcome, PointRequest } from '../activities/types.ts';
import { canonicalJson } from '../store/canonical.ts';
import { acceptResult, lookUpResult, replaceResult } from '../store/results.ts';
import type { Digest, DisposableBlobs, Json, PointRecord, Store } from '../store/types.ts';

/**
 * Recomputing a point that has a result. Results are immutable and others are built on them, so the new one is first
 * accepted apart, under the name of this act of recomputing (an interrupted one goes on from its own checkpoints), and
 * then compared. The first result stands unless the operator asked to replace it.
 */
export async function recompute(
  store: Store,
  request: PointRequest,
  compute: (apart: Store) => Promise<PointOutcome>,
): Promise<PointOutcome> {
  const { generation, replace } = request.recompute!;
  const apart = new ApartStore(store, request.point.key, `recomputed/${generation}`);
  const outcome = await compute(apart);
  if (outcome.status === 'suspended') return outcome;

  const fresh = await lookUpResult(apart, outcome.key);
  const first = await lookUpResult(store, outcome.key);
  if (fresh.state !== 'accepted') throw new Error(`The recomputed result of ${request.point.id} is gone.`);
  if (first.state !== 'accepted') {
    await acceptResult(store, fresh.record);
    return { ...outcome, cached: false };
  }
  const different = differences(first.record, fresh.record);
  if (different.length > 0 && replace) {
    await store.putDocumentIfAbsent(`replaced/${generation}/${outcome.key}`, first.record);
    await replaceResult(store, fresh.record);
  }
  const standing = replace ? fresh.record : first.record;
  return {
    ...outcome,
    cached: false,
    outputs: standing.outputs,
    metrics: standing.metrics,
    ...(different.length > 0 && { different }),
  };
}

/** Names of the outputs and metrics that are not the same, byte for byte. */
function differences(first: PointRecord, fresh: PointRecord): string[] {
  const all = (record: PointRecord): Record<string, string> => ({
    ...texts(record.outputs as unknown as Record<string, Json>, ''),
    ...texts(record.metrics as unknown as Record<string, Json>, 'metrics.'),
  });
  const before = all(first);
  const after = all(fresh);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .sort();
}

function texts(values: Record<string, Json>, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [prefix + name, canonicalJson(withoutOrigin(value))]),
  );
}

/** `from` of a reference is for people and belongs to no key. */
function withoutOrigin(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutOrigin);
  if (typeof value !== 'object' || value === null) return value;
  const { from: _from, ...rest } = value;
  return '$artifact' in value ? rest : value;
}

/** A store in which one key's result and checkpoints lie apart; all else is shared. */
class ApartStore implements Store {
  constructor(
    private readonly store: Store,
    private readonly key: Digest,
    private readonly folder: string,
  ) {}

  get location(): string {
    return this.store.location;
  }

  private moved(name: string): string {
    const own = name === `results/${this.key}` || name.startsWith(`checkpoints/${this.key}/`);
    return own ? `${this.folder}/${name}` : name;
  }

  disposable(name: string): DisposableBlobs {
    return this.store.disposable(this.moved(name));
  }
  readDocument<T>(name: string): Promise<T | null> {
    return this.store.readDocument(this.moved(name));
  }
  putDocumentIfAbsent<T>(name: string, value: T): Promise<{ value: T; created: boolean }> {
    return this.store.putDocumentIfAbsent(this.moved(name), value);
  }
  writeDocument<T>(name: string, value: T): Promise<void> {
    return this.store.writeDocument(this.moved(name), value);
  }
  deleteDocument(name: string): Promise<void> {
    return this.store.deleteDocument(this.moved(name));
  }
  async listDocuments(prefix: string): Promise<string[]> {
    const moved = this.moved(prefix);
    const names = await this.store.listDocuments(moved);
    return names.map((name) => prefix + name.slice(moved.length));
  }

  putBlob: Store['putBlob'] = (...all) => this.store.putBlob(...all);
  putBytes: Store['putBytes'] = (bytes) => this.store.putBytes(bytes);
  hasBlob: Store['hasBlob'] = (digest) => this.store.hasBlob(digest);
  checkBlob: Store['checkBlob'] = (...all) => this.store.checkBlob(...all);
  getBlob: Store['getBlob'] = (...all) => this.store.getBlob(...all);
  readBytes: Store['readBytes'] = (digest) => this.store.readBytes(digest);
}
