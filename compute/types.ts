import type { ArtifactType, Digest, Json, Metric, ProcessUsage } from '../store/types.ts';

/**
 * The contract between a kind's body (activities/kinds/<kind>.ts), the compute child that runs it (compute/child.ts) and
 * the activity that supervises the child (compute/supervise.ts).
 */

/** A kind's body: `export const run: ActivityBody = async (job) => ...`. Runs in a child process of its own. */
export type ActivityBody = (job: Job) => Promise<BodyResult>;

export interface BodyResult {
  /** Plain values and the artifacts made with `job.artifact(...)`, by declared output name. */
  outputs: Record<string, Json | LocalArtifact | LocalArtifact[]>;
  metrics: Record<string, Metric>;
  dollars?: number;
}

/** An artifact as files in a local directory; the parent stores it when the body has returned. */
export interface LocalArtifact {
  $local: ArtifactType;
  directory: string;
}

export interface Job {
  kind: string;
  /** `step[point]`, for messages. */
  point: string;
  /**
   * Resolved parameters, validated against the kind's schema, defaults filled in. Every artifact reference in them is
   * replaced by `{ $artifact, digest, from, directory }`, its files materialised read-only below `directory`.
   */
  params: Record<string, unknown>;
  /** null for kinds that draw nothing. Feed it to `stream(seed, name)` of ml/random. */
  seed: number;
  /** Scratch space, empty at start, deleted after the attempt. */
  workDirectory: string;
  /** This point's own directory on this host, kept over attempts until the point is accepted: cost ledgers. */
  durableDirectory: string;
  /** Shared by all points on this host and never needed for correctness: replies of language models, downloads. */
  cacheDirectory: string;
  /** Intra-op threads to use: fixed and recorded, since results depend on it bit by bit. */
  threads: number;
  /**
   * Aborted when the attempt must end (cancel, pause, shutdown). A body that reads it promises to settle soon after; one
   * that never does is ended at once, but inside `loop` always after the current step and a checkpoint.
   */
  readonly signal: AbortSignal;
  /** Says that real work was done. Resets the stall timer, feeds the progress bar. */
  progress(done: number, total: number, metrics?: Record<string, number>): void;
  /** A line for the log of this point. */
  log(message: string): void;
  /** Creates the directory of an output artifact. */
  artifact(type: ArtifactType, name: string): LocalArtifact;
  /**
   * The resumable loop: see `LoopOptions`. At most one a body; bodies without long loops need not use it.
   * @returns steps done, those of earlier attempts among them
   */
  loop(options: LoopOptions): Promise<number>;
  /**
   * What several points in one process need alike and only read: made by the first that asks, handed to the others. The
   * name must tell everything that it depends on.
   */
  share<T>(name: string, make: () => T): T;
  /** Only for kinds with `readsRun`: every point of the run. */
  run?: RunView;
  /** Only for kinds with `salvages`: output name -> directory of those files of a damaged result that are still whole. */
  salvaged?: Record<string, string>;
}

export interface MaterialisedArtifact {
  $artifact: ArtifactType;
  digest: Digest;
  from?: string;
  directory: string;
}

/**
 * Runs `step(i)` for i = resumed position .. total-1. Before the first step a checkpoint left by an earlier attempt or
 * segment is loaded; every `checkpointEvery` steps or `checkpointSeconds`, at the end of a segment, and on SIGTERM the state
 * is saved and handed to the parent, which stores it before the loop goes on. Steps are counted from 0, not from where an
 * attempt began; seconds from the last checkpoint. At the end of a segment the loop throws `Suspended`, which bodies must let
 * through. `save` must return *everything* that the rest of the run depends on: weights, optimiser
 * moments, data position, every random stream, running averages, controllers. A resumed run must end with the same bytes.
 */
export interface LoopOptions {
  total: number;
  /** A checkpoint of another training to begin from, as long as this point has none of its own. */
  start?: { step: number; directory: string };
  save(): Promise<LoopState> | LoopState;
  load(state: LoopState): Promise<void> | void;
  step(i: number): Promise<Record<string, number>> | Record<string, number>;
  /** Asked before every step: whether the rest is not needed. Must follow from what `save` returns. */
  finished?(): boolean;
}

export interface LoopState {
  /** Float32 or Int32 tensors by name (stored as safetensors). */
  tensors: Record<string, { dtype: 'F32' | 'I32'; shape: number[]; data: Float32Array | Int32Array }>;
  /** Everything else. Must survive JSON exactly. */
  json: Json;
  /**
   * Local paths, by name, of finished files that belong to the state: an attempt stores each once, not with every
   * checkpoint. They must stay as they are, and later states must name them too. `load` finds them where it is told, read-only.
   */
  files?: Record<string, string>;
}

export { ComputeError } from '../ml/failure.ts';

/** What the `report` kind sees of the run that it reports. */
export interface RunView {
  runId: string;
  experiment: string;
  plan: Json;
  points: RunViewPoint[];
}

export interface RunViewPoint {
  step: string;
  id: string;
  kind: string;
  status: 'accepted' | 'failed' | 'skipped';
  axes: Record<string, Json>;
  seed: number | null;
  /** The stored PointRecord, for accepted points. */
  record?: Json;
  /** Output name -> directory, for the artifact types that the kind asked for; `name[0]`, `name[1]` ... for lists. */
  directories?: Record<string, string>;
  error?: { code: string; message: string; hint?: string };
}

/** What a process says of one of its points. */
export type MemberMessage =
  | { type: 'progress'; done: number; total: number; metrics: Record<string, number> }
  | { type: 'log'; message: string }
  /** `seconds`: what it took to read the state out and to write it. */
  | { type: 'checkpoint'; step: number; directory: string; seconds: number }
  | { type: 'result'; result: BodyResult; environment: Record<string, Json>; usage: ProcessUsage }
  | { type: 'suspended'; step: number; total: number }
  /** It was told to stop, and had nothing to save. */
  | { type: 'stopped' }
  | {
      type: 'failure';
      code: string;
      message: string;
      retryable: boolean;
      hint?: string;
      retryAfterSeconds?: number;
      stack?: string;
    };

/** Child -> parent messages over the IPC channel. `member`: the point's place in `start`. */
export type ChildMessage =
  | { type: 'started'; environment: Record<string, Json> }
  | (MemberMessage & { member: number });

/** Parent -> child messages. */
export type ParentMessage =
  | { type: 'start'; jobs: JobDescription[] }
  | { type: 'checkpoint-stored'; member: number; step: number }
  | { type: 'stop'; member: number; reason: 'cancelled' | 'paused' | 'shutdown' }
  /** Nothing that this one does counts any more; the others go on. */
  | { type: 'drop'; member: number };

export interface JobDescription {
  kind: string;
  point: string;
  /** Path of the built body module. */
  module: string;
  params: Record<string, unknown>;
  seed: number;
  workDirectory: string;
  durableDirectory: string;
  cacheDirectory: string;
  threads: number;
  checkpointEvery: number | null;
  /** The longest time between two checkpoints; absent: as long as it takes. */
  checkpointSeconds?: number;
  /** Stop at a checkpoint at the next multiple of so many units; null: run to the end. */
  segmentUnits: number | null;
  /** Directory of the checkpoint to resume from. */
  resume: { step: number; directory: string } | null;
  run?: RunView;
  salvaged?: Record<string, string>;
}
