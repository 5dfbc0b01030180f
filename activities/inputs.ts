import {
  ComputeError,
  type MaterialisedArtifact,
  type RunView,
  type RunViewPoint,
} from '../compute/types.ts';
import type { ArtifactCache } from '../store/artifacts.ts';
import { fingerprintPath } from '../store/fingerprint.ts';
import { isArtifactRef, lookUpResult } from '../store/results.ts';
import type { ArtifactRef, Json, PointRecord, Store } from '../store/types.ts';
import type { PointRequest } from './types.ts';

/**
 * Parameters as the body sees them: every artifact reference with the directory that its files are in, every local path
 * known to hold what it held when the plan was made.
 */
export async function materialiseParams(
  params: PointRequest['point']['params'],
  cache: ArtifactCache,
  onFile: () => void,
): Promise<Record<string, unknown>> {
  const visit = async (value: unknown, path: string): Promise<unknown> => {
    if (typeof value !== 'object' || value === null) return value;
    if (isArtifactRef(value)) return materialise(value, cache, onFile);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const [i, item] of value.entries()) items.push(await visit(item, `${path}[${i}]`));
      return items;
    }
    const object = value as Record<string, unknown>;
    if (typeof object.$path === 'string' && typeof object.sha256 === 'string') {
      await checkLocalPath(object.$path, object.sha256, path);
      return value;
    }
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(object))
      copy[key] = await visit(item, path === '' ? key : `${path}.${key}`);
    return copy;
  };
  return (await visit(params, '')) as Record<string, unknown>;
}

async function materialise(
  ref: ArtifactRef,
  cache: ArtifactCache,
  onFile: () => void,
): Promise<MaterialisedArtifact> {
  return { ...ref, directory: await cache.materialise(ref, onFile) };
}

async function checkLocalPath(path: string, expected: string, parameter: string): Promise<void> {
  if ((await fingerprintPath(path)) === expected) return;
  throw new ComputeError(
    'path-changed',
    `${path} (\`${parameter}\`) is not what it was when the plan was made.`,
    {
      hint: 'Run the experiment again: the changed file makes a new plan.',
    },
  );
}

/** What a kind that reports on the whole run sees of it. */
export async function readRun(
  request: PointRequest,
  readsRun: NonNullable<PointRequest['readsRun']>,
  store: Store,
  cache: ArtifactCache,
  onFile: () => void,
): Promise<RunView> {
  const plan = await store.readDocument<Json>(readsRun.planDocument);
  if (plan === null) {
    throw new ComputeError(
      'plan-missing',
      `${readsRun.planDocument} is not in the store ${store.location}.`,
      {
        hint: 'All workers of a run must use the same store.',
      },
    );
  }
  const points: RunViewPoint[] = [];
  for (const { step, id, kind, status, key, axes, seed, error } of readsRun.points) {
    const point: RunViewPoint = {
      step,
      id,
      kind,
      status,
      axes,
      seed,
      ...(error === undefined ? {} : { error }),
    };
    if (status === 'accepted' && key !== null) {
      const found = await lookUpResult(store, key, 'quick');
      if (found.state !== 'accepted') {
        const why = found.state === 'invalid' ? found.why : `there is no result in ${store.location}`;
        throw new ComputeError('result-missing', `${id} was accepted, but ${why}.`, {
          hint: `Run the same command again: ${id} is then found incomplete and runs again.`,
        });
      }
      point.record = found.record as unknown as Json;
      point.directories = await directoriesOf(found.record, readsRun.artifacts, cache, onFile);
    }
    points.push(point);
    onFile();
  }
  return { runId: request.run.id, experiment: request.run.experiment, plan, points };
}

async function directoriesOf(
  record: PointRecord,
  types: string[],
  cache: ArtifactCache,
  onFile: () => void,
): Promise<Record<string, string>> {
  const directories: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.outputs)) {
    const items = Array.isArray(value) ? value : [value];
    for (const [i, item] of items.entries()) {
      if (!isArtifactRef(item) || !types.includes(item.$artifact)) continue;
      directories[items === value ? `${name}[${i}]` : name] = await cache.materialise(item, onFile);
    }
  }
  return directories;
}
