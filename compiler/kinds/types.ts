import type { ArtifactType, Json } from '../../store/types.ts';
import type { PaidCalls } from '../paid-calls.ts';

/** The types that expressions and parameters are checked against at compile time. */
export type ValueType =
  | { type: 'integer' | 'number' | 'string' | 'boolean' | 'any' | 'feedback' | 'metric' }
  | { type: 'artifact'; artifact: ArtifactType }
  /** `atMost`: the parameter that bounds the length, for the bound of run-time axes. */
  | { type: 'list'; of: ValueType; atMost?: string };

export interface Estimate {
  /** Units of work (training steps, rows, calls). */
  steps: number;
  /** Seconds on one two-core machine. */
  seconds: number;
  memoryBytes: number;
  dollars: number;
  /** The calls that the dollars are for. */
  paid?: PaidCalls;
}

/** How a kind draws random numbers, which decides how `seeds:` multiplies it. */
export type Seeding =
  | 'per-seed' // one run a seed; refers to the same seed's points of what it needs
  | 'none' // draws nothing: one run, unless what it needs is per seed
  | 'pooled'; // sees the points of all seeds of what it needs, runs once

/**
 * One entry of the registry. A new kind = this entry (compiler/kinds/<kind>.ts), its `with` schema
 * (schemas/kinds/<kind>.schema.json) and its body (activities/kinds/<kind>.ts).
 */
export interface KindDefinition {
  /** `stage.verb`, as in `uses:`; also the Temporal activity type and the file names. */
  name: string;
  /** Bumped whenever its results change: part of every key. */
  version: number;
  /** One line for `plumb plan`, docs and the report. */
  title: string;
  /** Which part of the experiment it belongs to, for grouping in the UI and the report. */
  stage: 'data' | 'fine-tune' | 'dictionaries' | 'probes' | 'features' | 'report';
  seeding: Seeding;
  /** What `steps.X` alone means: the name of the primary output, if it has one. */
  primary?: string;
  outputs: Record<string, ValueType>;
  /** Outputs that are made only where the step gives a certain parameter, and not as false: output -> parameter. */
  outputsWith?: Record<string, string>;
  /** Kinds with `continue`: the parameters that say how long to train, the only ones in which a longer training may differ. */
  lengthParameters?: string[];
  /** Declared metric names -> one-line definition, shown beside each number. */
  metrics: Record<string, string>;
  queue: 'cpu' | 'gpu' | 'label';
  /** Retries apply to retryable failures only. */
  retry: { attempts: number; backoffSeconds: number };
  timeoutSeconds: number;
  /** The attempt fails when no progress message comes for so long. */
  stallSeconds: number;
  /** Training kinds: how many units of work one activity does before handing over at a checkpoint. */
  segment?: { units: number };
  /**
   * Points that agree in the parameters `by`, and in their seed, read the same data in the same order: a worker may compute
   * them side by side in one process. Of the estimated memory, `sharedBytes` are then needed once.
   */
  stream?: { by: string[]; sharedBytes: number };
  /**
   * When a result of it is found damaged, its body is given what is left of it (`job.salvaged`), and computes the rest only:
   * for kinds whose result is many files, each of which follows from the parameters alone.
   */
  salvages?: true;
  /** Names of environment secrets its body may read (resolved in the worker, never stored). */
  secrets?: string[];
  /** The report: sees every result of the run, also when some points failed. */
  readsRun?: { artifacts: ArtifactType[] };
  /** Parameters that must not change the key: where to reach a service, how much to spend ... (paths into `with`). */
  notInKey?: string[];
  /** Pure; unknown (run-time) parameters arrive as undefined. */
  estimate(params: Record<string, Json | undefined>): Estimate;
}
