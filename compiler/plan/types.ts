import type { Dimension, Direction, Value } from '../../search/types.ts';
import type { ArtifactRef, Digest, Json, PointOutputs } from '../../store/types.ts';

/**
 * The compiled plan: pure data, the input of the `experiment` workflow. It is small whatever the size of its matrices,
 * since points are expanded from their axes by `compiler/plan/expand.ts`, which the CLI and the workflow share.
 */
export interface Plan {
  format: 1;
  name: string;
  description: string;
  /**
   * SHA-256 of the canonical JSON of all fields but this one and `source`; of paths, only the fingerprints count, and the
   * order of steps does not.
   */
  digest: Digest;
  source: { path: string; sha256: Digest };
  seeds: number[];
  inputs: Record<string, Json>;
  /** A ParamTree: it may refer to steps. */
  feedback: Json;
  /** Local files and directories, by the name that parameters use: where they are, and the fingerprint of their content. */
  paths: Record<string, { path: string; sha256: Digest }>;
  /** In an order in which everything comes after what it needs; ties in the file's order. */
  steps: PlanStep[];
  expect: PlanExpectation[];
}

/**
 * A parameter tree: JSON in which an object with the single key `$expr` stands for an expression, and one with the
 * single key `$concat` for a string with expressions inside.
 */
export type ParamTree =
  | null
  | boolean
  | number
  | string
  | ParamTree[]
  | { $expr: Expression }
  | { $concat: ParamTree[] }
  | { [key: string]: ParamTree };

export type Expression =
  | { op: 'literal'; value: Json }
  | { op: 'name'; name: 'steps' | 'inputs' | 'feedback' | 'matrix' | 'search' | 'seed' | 'secrets' }
  | { op: 'member'; of: Expression; name: string }
  | { op: 'index'; of: Expression; index: Expression }
  | { op: 'call'; function: string; args: Expression[] }
  | { op: 'unary'; operator: '!' | '-'; of: Expression }
  | {
      op: 'binary';
      operator: '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '&&' | '||';
      left: Expression;
      right: Expression;
    };

export interface PlanStep {
  id: string;
  kind: string;
  kindVersion: number;
  stage: string;
  /** The output that `steps.<id>` alone means. */
  primary: string | null;
  /** Ids of the steps that must be complete first, sorted. */
  needs: string[];
  /** Those of `needs` that the file names under `needs:`: a failed point of theirs blocks, even if nothing of it is used. */
  requires: string[];
  /** Whether there is one point a seed, one for all, or one that pools all seeds. */
  seeding: 'per-seed' | 'shared' | 'pooled';
  /** False for kinds that draw nothing: then equal inputs under different seeds are the same point. */
  seedInKey: boolean;
  /** The most points that it can have, over all seeds; exact unless an axis is known only at run time. */
  bound: number;
  /** Absent for a step with a single point (a seed). */
  matrix?: PlanMatrix;
  /** Its points are trials: their number and parameters come from what earlier ones measured. One search for each combination. */
  search?: PlanSearch;
  /** Skips the point when it evaluates to false. */
  if?: ParamTree;
  params: { [key: string]: ParamTree };
  /** Dotted parameter paths left out of the key; `*` stands for every element of a list. */
  notInKey: string[];
  segment?: { units: number };
  /** Parameters that say which data a point reads, for kinds whose points may share them. */
  stream?: string[];
  /** Checkpoint interval in units of work. */
  checkpointEvery?: number;
  /** The same in seconds. One of the two at most. */
  checkpointSeconds?: number;
  /** Checkpoints that are kept. */
  checkpointKeep?: number;
  readsRun?: { artifacts: string[] };
  queue: string;
  retry: { attempts: number; backoffSeconds: number };
  timeoutSeconds: number;
  stallSeconds: number;
  /** Once so many of its points have failed, no more are started; absent: they never stop each other. */
  failureLimit?: number;
  /** The most points in flight at once, below what the run allows. */
  concurrency?: number;
  secrets: string[];
}

export interface PlanMatrix {
  /** By name, so that the order of keys in the file changes no id. A run-time axis is a single expression that yields a list. */
  axes: { name: string; values: ParamTree[] | { $expr: Expression } }[];
  include: { [axis: string]: ParamTree }[];
  exclude: { [axis: string]: ParamTree }[];
  /** The most points a run-time axis may give; more is a failure of the step. */
  bound: number;
}

/** Which values to try, and which of them are good. */
export interface PlanSearch {
  /** By name. */
  space: Dimension[];
  sampler: Method;
  pruner: Method;
  objectives: { metric: string; direction: Direction }[];
  /** The most trials of one search. */
  trials: number;
  /** Trials of one search in flight at once. */
  parallel: number;
  /**
   * A trial knows what the trials up to so many before it gave, and nothing of those after: so what is tried does not depend
   * on which of them happens to end first. `parallel` at least.
   */
  lag: number;
  /** Tried before the sampler is asked. */
  first: Record<string, Value>[];
  /**
   * Where trials are trained in parts: the parameter that says how long, the whole, and the lengths below it at which the
   * pruner is asked whether to go on. `asha` and `hyperband` know such lengths themselves, for each trial.
   */
  parts?: { parameter: string; whole: number; rungs: number[] };
}

/** A sampler or pruner of `search/` with its options. */
export interface Method {
  type: string;
  options: Record<string, Json>;
}

export interface PlanExpectation {
  name: string;
  /** The text, for people. */
  check: string;
  expression: Expression;
  needs: string[];
}

/** A point of a step after expansion: everything known, ready to run. */
export interface Point {
  step: string;
  /** Stable, readable: `saes[layer=3,variant=topk,seed=0]`; just `base` for a single point of a one-seed experiment. */
  id: string;
  /** What the web UI shows: `layer=3 variant=topk seed=0`. At most 200 bytes. */
  summary: string;
  axes: Record<string, Json>;
  seed: number | null;
  params: { [key: string]: Json | ArtifactRef };
  /** SHA-256 over (kind, version, params with artifacts by digest, seed): see compiler/plan/key.ts. */
  key: Digest;
}

/** States of the points of finished steps, by step id, each step's in expansion order. */
export type States = Readonly<Record<string, readonly PointState[]>>;

/** One entry of `expandStep(plan, step, states)` of compiler/plan/expand.ts. */
export type ExpandedPoint =
  | { status: 'ready'; point: Point }
  /**
   * It cannot run: a point that it needs failed (`code: 'blocked'`, `by` names those), or an expression has no value
   * there. When a run-time axis has no value, one entry with the step's own id stands for all the points.
   */
  | {
      status: 'blocked';
      id: string;
      axes: Record<string, Json>;
      seed: number | null;
      by: string[];
      error: PointError;
    }
  /** Its `if` is false, or a point that it needs was skipped. */
  | { status: 'skipped'; id: string; axes: Record<string, Json>; seed: number | null; why: string };

/** One verdict a seed; a single one with seed null when the check needs no per-seed step. `evaluateExpectation` makes them. */
export interface Verdict {
  seed: number | null;
  /** null: could not be decided, see `why`. */
  held: boolean | null;
  why?: string;
  /** What the references of the check were, by their text: `steps.readout.metrics.tau_tuned.ci_low` -> 0.21. */
  values: Record<string, Json>;
}

/** What happened to a point, as the interpreter, `plumb status` and expressions see it. */
export type PointState =
  | ({
      status: 'accepted';
      id: string;
      key: Digest;
      cached: boolean;
      axes: Record<string, Json>;
      seed: number | null;
    } & PointOutputs)
  | {
      status: 'failed';
      id: string;
      key: Digest | null;
      axes: Record<string, Json>;
      seed: number | null;
      error: PointError;
    }
  | { status: 'skipped'; id: string; axes: Record<string, Json>; seed: number | null; why: string };

export interface PointError {
  code: string;
  message: string;
  hint?: string;
  /** The parameter that has no value, where it is one. */
  parameter?: string;
}
