import { isArtifactRef } from '../store/results.ts';
import type { ArtifactRef, PointRecord, Store } from '../store/types.ts';
import { readPoints } from '../worker/runs.ts';
import { UserError } from './errors.ts';
import { whichRun } from './which-run.ts';

/** The results of a store, or of one run, in the order in which they were finished. */
export async function recordsOf(store: Store, word: string | undefined): Promise<PointRecord[]> {
  const keys =
    word === undefined
      ? (await store.listDocuments('results/')).map((name) => name.slice('results/'.length))
      : await keysOfRun(store, word);
  const records = await Promise.all(keys.map((key) => store.readDocument<PointRecord>(`results/${key}`)));
  return records.filter((record) => record !== null).sort((a, b) => a.finishedAt.localeCompare(b.finishedAt));
}

async function keysOfRun(store: Store, word: string): Promise<string[]> {
  const { id } = await whichRun(store, word);
  const points = await readPoints(store, id);
  if (!points) throw new UserError(`${id} has not ended yet.`, 'Without --run, all results are listed.');
  return [...new Set(points.flatMap(({ key }) => key ?? []))];
}

/** The latest result that `what` names: a point, the beginning of a key, or of the digest of an artifact. */
export function findResult(records: PointRecord[], what: string): PointRecord {
  const found = records.filter(
    (record) =>
      record.key.startsWith(what) ||
      record.run.point === what ||
      outputArtifacts(record).some(([, { digest }]) => digest.startsWith(what)),
  );
  const latest = found.at(-1);
  if (latest) return latest;
  throw new UserError(
    `The store has no result, artifact or point ${what}.`,
    '`plumb artifacts list` shows all of them.',
  );
}

/** The artifacts of a result, by the names of its outputs. */
export function outputArtifacts(record: PointRecord): [name: string, ref: ArtifactRef][] {
  return Object.entries(record.outputs).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter(isArtifactRef)
      .map((ref): [string, ArtifactRef] => [name, ref]),
  );
}
