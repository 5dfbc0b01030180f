import type { Point, PointError } from '../compiler/plan/types.ts';
import type { Digest, PointOutputs, Store } from '../store/types.ts';

/**
 * What the workflows send to an activity. The activity's type is the kind's name (`sae.train`); one activity works on one
 * point, or on one segment of a training point.
 */
export interface PointRequest {
  run: { id: string; experiment: string };
  kind: string;
  kindVersion: number;
  point: Point;
  /** In units of work. */
  checkpointEvery: number | null;
  /** The same in seconds; where neither is given, 300. */
  checkpointSeconds?: number;
  /** Checkpoints that are kept; 1 when absent. */
  checkpointKeep?: number;
  segmentUnits: number | null;
  /**
   * Points with the same `key` read the same data, so a worker computes those that are there at the same time in one process;
   * `points`: how many may be on their way, this one included.
   */
  stream?: { key: string; points: number };
  stallSeconds: number;
  secrets: string[];
  /** For kinds that read the whole run: what became of every point so far, by key; the activity reads the records. */
  readsRun?: { artifacts: string[]; planDocument: string; points: RunPointReference[] };
  /** Compute it although there is a result, and compare: the worker sees to it (worker/recompute.ts), activities do not. */
  recompute?: { generation: string; replace: boolean };
}

export interface RunPointReference {
  step: string;
  id: string;
  kind: string;
  status: 'accepted' | 'failed' | 'skipped';
  key: Digest | null;
  axes: Point['axes'];
  seed: number | null;
  error?: PointError;
}

/** What the activity returns. Small: references and numbers. Failures are thrown as ApplicationFailure, never returned. */
export type PointOutcome =
  | ({
      status: 'accepted';
      key: Digest;
      cached: boolean;
      seconds: number;
      dollars: number;
      /** After recomputing: the outputs and metrics that are not what was recorded. */
      different?: string[];
    } & PointOutputs)
  /** The segment is over; the next one goes on from the checkpoint. */
  | { status: 'suspended'; key: Digest; done: number; total: number };

/** Heartbeat details: what the UI and `plumb watch` show of a running point. */
export interface PointHeartbeat {
  done: number;
  total: number;
  metrics: Record<string, number>;
  checkpointStep: number | null;
  /** Units of work a second over the last half minute. */
  rate: number;
  /** The process that it shared with other points broke down: the next attempt is by itself. */
  alone?: true;
}

/** Whose line it is. */
export interface LogPlace {
  run: string;
  step: string;
  point: string;
  kind: string;
  /** As Temporal counts them, from 1. */
  attempt: number;
}

/** What activities need from the worker that hosts them: `createActivities(deps)` of activities/index.ts. */
export interface ActivityDependencies {
  store: Store;
  /** The state directory of this host (`.plumb`): `work/`, `points/`, `cache/` and `logs/<run>/<point>.log` below it. */
  directory: string;
  /** Where the build put `compute/child.js` and `activities/kinds/<kind>.js`. */
  dist: string;
  /** Intra-op threads of a compute child. Results depend on it bit by bit: fix it for a run. */
  threads: number;
  /** Looks a secret up by name; default: the worker's environment. */
  secret?: (name: string) => string | undefined;
  /** How long a child that was told to stop may take to finish its step and save (default 30), before SIGTERM and SIGKILL. */
  stopGraceSeconds?: number;
  /** Told of every line of a point's log, secrets removed. */
  onLogLine?: (where: LogPlace, line: string) => void;
  /** Told how long a checkpoint took, until it was safe. */
  onCheckpoint?: (kind: string, seconds: number) => void;
  /** Git commit of this Plumbline, recorded in every result. */
  commit?: string;
}
