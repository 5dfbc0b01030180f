import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { KindRegistry } from '../../activities/host.ts';
import { createActivities } from '../../activities/index.ts';
import type {
  ActivityDependencies,
  PointHeartbeat,
  PointOutcome,
  PointRequest,
} from '../../activities/types.ts';
import type { KindDefinition } from '../../compiler/kinds/types.ts';
import { canonicalJson } from '../../store/canonical.ts';
import { type AttemptRecord, attemptsAt } from '../../store/checkpoints.ts';
import { sha256 } from '../../store/digest.ts';
import { openStore } from '../../store/open.ts';
import type { ArtifactRef, Json, Store } from '../../store/types.ts';
import { bodyPath, buildChild, temporaryDirectory } from '../compute/build.ts';

/** A host with a store of its own, test kinds, and a fresh Temporal activity environment for every call. */
export interface World {
  directory: string;
  store: Store;
  deps: ActivityDependencies;
  call(request: PointRequest, options?: CallOptions): Call;
}

export interface CallOptions {
  attempt?: number;
  /** The activity that this is an attempt of. */
  activityId?: string;
  heartbeatDetails?: PointHeartbeat;
  heartbeatTimeoutMs?: number;
  deps?: Partial<ActivityDependencies>;
}

export interface Call {
  outcome: Promise<PointOutcome>;
  heartbeats: PointHeartbeat[];
  environment: MockActivityEnvironment;
}

const base = {
  version: 1,
  title: 'for tests',
  stage: 'data',
  seeding: 'per-seed',
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 1 },
  timeoutSeconds: 60,
  stallSeconds: 20,
  estimate: () => ({ steps: 0, seconds: 0, memoryBytes: 0, dollars: 0 }),
} as const;

const TEST_KINDS: KindDefinition[] = [
  {
    ...base,
    name: 'test.walk',
    outputs: { table: { type: 'artifact', artifact: 'table' }, steps: { type: 'integer' } },
    metrics: { average: 'The running average.' },
  },
  {
    ...base,
    name: 'test.read',
    outputs: { text: { type: 'string' }, view: { type: 'any' }, given: { type: 'string' } },
    metrics: {},
  },
  { ...base, name: 'test.act', outputs: {}, metrics: {} },
  { ...base, name: 'test.secret', outputs: { text: { type: 'string' } }, metrics: {} },
];
export const KINDS = new Map(TEST_KINDS.map((kind) => [kind.name, kind]));

/** The test kinds take what they are given, but for one thing. */
export const validateParameters: KindRegistry['validateParameters'] = (_kind, params) => ({
  params: { given: 'by default', ...params },
  problems: params.steps === -1 ? [{ path: 'steps', message: 'must be at least 0', hint: 'use 0' }] : [],
});

let dist: Promise<string> | undefined;

async function testDist(): Promise<string> {
  const directory = temporaryDirectory('dist');
  await buildChild(directory);
  for (const kind of KINDS.keys()) {
    const body = bodyPath(kind.slice('test.'.length));
    writeFileSync(
      join(directory, 'activities', 'kinds', `${kind}.js`),
      `export * from ${JSON.stringify(body)};\n`,
    );
  }
  return directory;
}

export async function createWorld(given?: { directory: string; dist: string }): Promise<World> {
  dist ??= given ? Promise.resolve(given.dist) : testDist();
  const directory = given?.directory ?? temporaryDirectory('world');
  const store = openStore(join(directory, 'store'));
  const deps: ActivityDependencies = { store, directory, dist: await dist, threads: 1, stopGraceSeconds: 5 };
  return {
    directory,
    store,
    deps,
    call(request, options = {}) {
      const environment = new MockActivityEnvironment(
        {
          attempt: options.attempt ?? 1,
          activityId: options.activityId ?? 'activity',
          heartbeatDetails: options.heartbeatDetails,
          heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 20_000,
        },
        { logger: new DefaultLogger('ERROR') },
      );
      const heartbeats: PointHeartbeat[] = [];
      environment.on('heartbeat', (details: PointHeartbeat) => heartbeats.push(details));
      const activity = createActivities({ ...deps, ...options.deps }, { kinds: KINDS, validateParameters })[
        request.kind
      ];
      if (activity === undefined) throw new Error(`no kind ${request.kind}`);
      const outcome = environment.run<[PointRequest], PointOutcome, typeof activity>(activity, request);
      outcome.catch(() => undefined);
      return { outcome, heartbeats, environment };
    },
  };
}

export function request(
  kind: string,
  params: Record<string, Json | ArtifactRef>,
  change: Partial<PointRequest> = {},
): PointRequest {
  const seed = 7;
  const { trace: _trace, stepMs: _stepMs, afterMs: _afterMs, ...keyed } = params;
  return {
    run: { id: 'run-1', experiment: 'test' },
    kind,
    kindVersion: 1,
    point: {
      step: 'step',
      id: 'step[seed=7]',
      summary: 'seed=7',
      axes: {},
      seed,
      params,
      key: sha256(canonicalJson({ kind, params: keyed as Json, seed })),
    },
    checkpointEvery: 10,
    segmentUnits: null,
    stallSeconds: 20,
    secrets: [],
    ...change,
  };
}

export async function accepted(call: Call) {
  const outcome = await call.outcome;
  if (outcome.status !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
  return outcome;
}

export async function failureOf(call: Call): Promise<ApplicationFailure> {
  return call.outcome.then(
    (outcome) => {
      throw new Error(`ended with ${JSON.stringify(outcome)}`);
    },
    (error) => error as ApplicationFailure,
  );
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'a condition',
): Promise<void> {
  const until = performance.now() + 60_000;
  while (performance.now() < until) {
    if (await condition()) return;
    await sleep(5);
  }
  throw new Error(`waited in vain for ${what}`);
}

/** The newest attempt that saved something. */
export async function latestCheckpoint(store: Store, key: string): Promise<AttemptRecord | null> {
  return (await attemptsAt(store, key)).find(({ checkpoint }) => checkpoint !== null) ?? null;
}

/** The steps that were run, in order, as the body `walk` wrote them down. */
export function stepsOf(trace: string): number[] {
  return existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').filter(Boolean).map(Number) : [];
}

/** PIDs of the living compute children whose work lies below `directory`. */
export function children(entry: string, directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const started = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(entry);
        return started && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
      } catch {
        return false;
      }
    });
}
