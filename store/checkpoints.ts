import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { filesBelow } from './artifacts.ts';
import { StoreError } from './error.ts';
import { type ProcessIdentity, thisProcess } from './process-identity.ts';
import type { ArtifactFile, CheckpointRecord, Digest, Store } from './types.ts';

/**
 * Attempts at a point, and what each has saved: `checkpoints/<key>/<attempt>`, numbered by put-if-absent. The number is a
 * fencing token: an attempt writes to its own document and its own blobs only, so an older one that still runs (cut off,
 * given up for dead) can neither replace nor delete what a newer one saved, whatever the timing. It finds out at its next
 * `promote` or `beat`.
 */
export interface AttemptRecord {
  key: Digest;
  attempt: number;
  /** Who works on it: an activity execution, which keeps its name over retries, in a process. */
  execution: string;
  process: ProcessIdentity;
  state: 'working' | 'suspended' | 'ended';
  /** When the first of all attempts began. */
  startedAt: string;
  /** Grows with real progress: how others see that it lives. */
  beats: number;
  /** Attempts so far, this one included; the segments of one attempt count as one. */
  tries: number;
  /** Seconds of computing that led to `checkpoint`, over all attempts. */
  seconds: number;
  checkpoint: CheckpointRecord | null;
  /** Earlier ones that are kept, newest first. */
  older?: SavedCheckpoint[];
}

/**
 * What a checkpoint has below this folder belongs to the later ones of the same attempt, too: files that are finished, such
 * as the shards that a capture has written. So each is handed over once.
 */
export const LASTING_FILES = 'files';

interface SavedCheckpoint {
  checkpoint: CheckpointRecord;
  seconds: number;
}

/** Thrown by an attempt that a newer one has replaced, or whose point has been accepted meanwhile. */
export class SupersededError extends Error {
  override name = 'SupersededError';
}

const folder = (key: Digest) => `checkpoints/${key}/`;
const documentOf = (key: Digest, attempt: number) => `${folder(key)}${String(attempt).padStart(8, '0')}`;

/** The attempts at a key that left a document, newest first. */
export async function attemptsAt(store: Store, key: Digest): Promise<AttemptRecord[]> {
  const names = await store.listDocuments(folder(key));
  const records = await Promise.all(names.map((name) => readAttempt(store, name)));
  return records.filter((record) => record !== null).reverse();
}

async function readAttempt(store: Store, name: string): Promise<AttemptRecord | null> {
  try {
    return await store.readDocument<AttemptRecord>(name);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return null;
    throw error;
  }
}

/** Removes every attempt's document and blobs: the point is accepted. */
export async function deleteCheckpoints(store: Store, key: Digest): Promise<void> {
  for (const name of await store.listDocuments(folder(key))) await deleteAttempt(store, name);
}

/** Blobs first: a crash in between leaves a document, which somebody finds, and not blobs, which nobody would. */
async function deleteAttempt(store: Store, name: string): Promise<void> {
  await store.disposable(name).deleteAll();
  await store.deleteDocument(name);
}

/** The number of the newest attempt at a key (0: none), and its record (null: none, or unreadable). */
export async function newestAttempt(
  store: Store,
  key: Digest,
): Promise<{ number: number; record: AttemptRecord | null }> {
  const name = (await store.listDocuments(folder(key))).at(-1);
  if (name === undefined) return { number: 0, record: null };
  return { number: Number(name.slice(folder(key).length)), record: await readAttempt(store, name) };
}

/**
 * Takes the number after `newest`: from then on no older attempt's checkpoint can become the latest. Of several that try
 * at once one gets it; the others get null, and look again.
 */
export async function beginAttempt(
  store: Store,
  key: Digest,
  execution: string,
  newest: { number: number; record: AttemptRecord | null },
): Promise<Attempt | null> {
  const { number, record: before } = newest;
  const record: AttemptRecord = {
    key,
    attempt: number + 1,
    execution,
    process: thisProcess(),
    state: 'working',
    startedAt: before?.startedAt ?? new Date().toISOString(),
    beats: 0,
    tries: before === null ? 1 : before.tries + (before.state === 'suspended' ? 0 : 1),
    seconds: 0,
    checkpoint: null,
  };
  const { created } = await store.putDocumentIfAbsent(documentOf(key, number + 1), record);
  return created ? new Attempt(store, record) : null;
}

export interface Resumed {
  step: number;
  directory: string;
  /** Seconds of computing that led there. */
  seconds: number;
}

export class Attempt {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private record: AttemptRecord,
  ) {}

  get tries(): number {
    return this.record.tries;
  }

  get startedAt(): string {
    return this.record.startedAt;
  }

  private get name(): string {
    return documentOf(this.record.key, this.record.attempt);
  }

  /**
   * Copies the newest checkpoint's files below `directory`; null when there is none. One that cannot be read is passed over
   * for an older one, unless it was only just replaced by its still running owner.
   */
  async resume(directory: string, log: (line: string) => void): Promise<Resumed | null> {
    const unusable = new Set<string>();
    for (;;) {
      const candidates = (await attemptsAt(this.store, this.record.key)).flatMap(savedBy);
      const from = candidates.find((saved) => !unusable.has(identityOf(saved)));
      if (from === undefined) return null;
      const { step, key, files } = from.checkpoint;
      const target = join(directory, `${step}-${randomBytes(4).toString('hex')}`);
      try {
        const blobs = this.store.disposable(documentOf(key, from.attempt));
        for (const [path, file] of Object.entries(files)) {
          await mkdir(dirname(join(target, path)), { recursive: true });
          await blobs.getBlob(file.sha256, join(target, path));
        }
        return { step, directory: target, seconds: from.seconds };
      } catch (error) {
        if (!(error instanceof StoreError) || (error.code !== 'missing' && error.code !== 'corrupt'))
          throw error;
        await rm(target, { recursive: true, force: true });
        unusable.add(identityOf(from));
        log(`The checkpoint at step ${step} cannot be used (${error.message}) Looking for another.`);
      }
    }
  }

  /**
   * Makes the files in `directory` (which are moved) this attempt's checkpoint: blobs first, then the document, then what
   * is no longer one of the `keep` newest is deleted. @throws SupersededError
   */
  promote(step: number, directory: string, seconds: number, keep = 1): Promise<CheckpointRecord> {
    return this.inTurn(() => this.addCheckpoint(step, directory, seconds, keep));
  }

  private async addCheckpoint(
    step: number,
    directory: string,
    seconds: number,
    keep: number,
  ): Promise<CheckpointRecord> {
    await this.assertCurrent();
    const blobs = this.store.disposable(this.name);
    const paths = await filesBelow(directory);
    // At once, since each waits for the disk.
    const stored = await Promise.all(
      paths.map((path) => blobs.putBlob(join(directory, path), { consume: true })),
    );
    await this.assertCurrent();
    const before = savedBy(this.record);
    const lasting = Object.entries(before[0]?.checkpoint.files ?? {}).filter(([path]) =>
      path.startsWith(`${LASTING_FILES}/`),
    );
    const files = Object.fromEntries([
      ...lasting,
      ...paths.map((path, i): [string, ArtifactFile] => [path, stored[i] as ArtifactFile]),
    ]);
    const older = before.slice(0, keep - 1).map(({ checkpoint, seconds }) => ({ checkpoint, seconds }));
    const dropped = before.slice(keep - 1);
    const checkpoint = { key: this.record.key, step, files };
    await this.write({ checkpoint, seconds, older, beats: this.record.beats + 1 });
    const kept = new Set([checkpoint, ...older.map((saved) => saved.checkpoint)].flatMap(digestsOf));
    for (const sha256 of new Set(dropped.flatMap((saved) => digestsOf(saved.checkpoint))))
      if (!kept.has(sha256)) await blobs.deleteBlob(sha256);
    // From the first time on that there are enough, those of earlier attempts are not needed.
    if (dropped.length === 0 && older.length === keep - 1) await this.deleteOlder();
    return checkpoint;
  }

  /** Says that the work goes on. @throws SupersededError */
  beat(): Promise<void> {
    return this.inTurn(async () => {
      await this.assertCurrent();
      await this.write({ beats: this.record.beats + 1 });
    });
  }

  /** Ends the attempt without a result: what it saved stays, and whoever comes next need not wait. */
  end(state: 'suspended' | 'ended'): Promise<void> {
    return this.inTurn(async () => {
      if (await this.isCurrent()) await this.write({ state });
    });
  }

  /** One change at a time, so that a slow write cannot land on top of a later one. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.turn.then(change);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async write(change: Partial<AttemptRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    await this.store.writeDocument(this.name, this.record);
  }

  private async isCurrent(): Promise<boolean> {
    const names = await this.store.listDocuments(folder(this.record.key));
    return names.at(-1) === this.name;
  }

  private async assertCurrent(): Promise<void> {
    if (await this.isCurrent()) return;
    throw new SupersededError(
      `attempt ${this.record.attempt} was replaced by a newer one, or the point is accepted already`,
    );
  }

  private async deleteOlder(): Promise<void> {
    for (const name of await this.store.listDocuments(folder(this.record.key))) {
      if (name < this.name) await deleteAttempt(this.store, name);
    }
  }
}

/** The checkpoints of an attempt, newest first. */
function savedBy({ attempt, checkpoint, seconds, older = [] }: AttemptRecord) {
  if (checkpoint === null) return [];
  return [{ checkpoint, seconds }, ...older].map((saved) => ({ attempt, ...saved }));
}

const identityOf = ({ attempt, checkpoint }: { attempt: number; checkpoint: CheckpointRecord }) =>
  `${attempt}/${checkpoint.step}`;

const digestsOf = ({ files }: CheckpointRecord) => Object.values(files).map(({ sha256 }) => sha256);
