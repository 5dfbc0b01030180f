import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PointContext } from '../../activities/context.ts';
import { ActivityHost } from '../../activities/host.ts';
import { executePoint } from '../../activities/point.ts';
import type { PointOutcome, PointRequest } from '../../activities/types.ts';
import { KINDS } from '../../compiler/kinds/registry.ts';
import { validateParameters } from '../../compiler/kinds/validate.ts';
import { canonicalJson } from '../../store/canonical.ts';
import { sha256 } from '../../store/digest.ts';
import { openStore } from '../../store/open.ts';
import type { ArtifactRef, Json, Store } from '../../store/types.ts';

export type Accepted = Extract<PointOutcome, { status: 'accepted' }>;
export type Params = Record<string, Json | ArtifactRef>;

export interface Places {
  /** The build. */
  dist: string;
  scratch: string;
  /** The built disturb.ts. */
  disturb: string;
}

export interface PointOptions {
  threads: number;
  /** Points of one label with equal parameters are one point. */
  label: string;
  checkpointEvery: number | null;
  attempt?: number;
  /** In place of the world's own. */
  store?: Store;
}

/** A store and a host that does points as a worker does, in real compute children of the build. */
export class World {
  readonly store: Store;
  /** For FILES of kills.ts. */
  readonly control: string;
  private readonly dist: string;

  constructor(private readonly places: Places) {
    const { scratch } = places;
    this.store = openStore(join(scratch, 'store'));
    this.control = join(scratch, 'control');
    this.dist = join(scratch, 'dist');
    mkdirSync(this.control);
    this.write('package.json', '{"type":"module"}');
    this.write('compute/child.js', `import ${this.built('compute/child.js')};\n`);
  }

  /** @throws ApplicationFailure whose type is the failure's code */
  async point(kind: string, params: Params, options: PointOptions): Promise<Accepted> {
    const { threads, label, checkpointEvery, attempt = 1, store = this.store } = options;
    this.write(
      `activities/kinds/${kind}.js`,
      `import { run as body } from ${this.built(`activities/kinds/${kind}.js`)};
import { disturbed } from ${JSON.stringify(pathToFileURL(this.places.disturb).href)};
export const run = (job) => body(disturbed(job, ${JSON.stringify(this.control)}));\n`,
    );
    const host = new ActivityHost(
      { store, directory: join(this.places.scratch, 'host'), dist: this.dist, threads },
      { kinds: KINDS, validateParameters },
    );
    const seed = 7;
    const id = `${kind}[${label},threads=${threads}]`;
    const request: PointRequest = {
      run: { id: 'resume', experiment: 'resume' },
      kind,
      kindVersion: KINDS.get(kind)?.version ?? 0,
      point: {
        ...{ step: kind, id, summary: id, axes: {}, seed, params },
        key: sha256(canonicalJson({ id, params } as unknown as Json)),
      },
      checkpointEvery,
      segmentUnits: null,
      stallSeconds: 300,
      secrets: [],
    };
    const outcome = await executePoint(host, request, contextOf(id, attempt));
    if (outcome.status !== 'accepted') throw new Error(`${id} ended as ${outcome.status}`);
    return outcome;
  }

  private built(path: string): string {
    return JSON.stringify(pathToFileURL(join(this.places.dist, path)).href);
  }

  private write(path: string, text: string): void {
    const file = join(this.dist, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  }
}

const contextOf = (execution: string, attempt: number): PointContext => ({
  signal: new AbortController().signal,
  stopReason: () => 'cancelled',
  heartbeat: () => undefined,
  heartbeatEveryMs: 10_000,
  previous: null,
  attempt,
  execution,
});
