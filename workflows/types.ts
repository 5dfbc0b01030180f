import type { Plan, PointError, PointState, Verdict } from '../compiler/plan/types.ts';
import type { ArtifactRef, Digest } from '../store/types.ts';

/** Input of the `experiment` workflow. Its workflow id is the run's id. */
export interface ExperimentInput {
  plan: Plan;
  /** Most points of one step in flight at once, at most `MAX_IN_FLIGHT`. */
  parallelism: number;
  /** How soon a dead worker is noticed. */
  heartbeatSeconds: number;
  /** Whether the server knows our search attributes (setting an unknown one would block the workflow). */
  searchAttributes: boolean;
  recompute?: Recompute;
}

/** Points to compute again although the store has a result for them: `plumb rerun --from STEP | --point ID`. */
export interface Recompute {
  /** Names this act of recomputing: an interrupted one goes on instead of beginning again. */
  generation: string;
  /** Accept the new result in the place of the old one. Otherwise the first result stays, and a difference is reported. */
  replace: boolean;
  steps: string[];
  points: string[];
}

/** Output of the `experiment` workflow; also the first detail of the failure with which it ends when points failed. */
export interface ExperimentResult {
  state: 'completed' | 'failed';
  counts: Counts;
  failures: FailedPoint[];
  verdicts: ExpectationVerdict[];
  reports: { step: string; point: string; artifact: ArtifactRef }[];
  /** Recomputed points whose new result was not the recorded one, byte for byte. */
  different: { id: string; outputs: string[] }[];
  /** Wall seconds of computing, and US dollars spent, by the points that this run computed. */
  seconds: number;
  dollars: number;
}

export interface Counts {
  total: number;
  computed: number;
  cached: number;
  failed: number;
  blocked: number;
  skipped: number;
}

export interface FailedPoint {
  step: string;
  id: string;
  key: Digest | null;
  error: PointError;
}

export interface ExpectationVerdict {
  name: string;
  check: string;
  verdicts: Verdict[];
}

/** A decided point with what it cost: what `sweep` hands back. */
export interface DecidedPoint {
  state: PointState;
  /** When, in milliseconds of workflow time. */
  at: number;
  seconds: number;
  dollars: number;
  /** Names of the outputs that came out different, for recomputed points. */
  different?: string[];
}

/** Answer of the query `progress`, of `experiment` (every step) and of `sweep` (its own step). */
export interface Progress {
  paused: boolean;
  startedAt: number;
  steps: StepProgress[];
}

export interface StepProgress {
  step: string;
  kind: string;
  stage: string;
  status: 'waiting' | 'running' | 'done';
  /** Until the step is expanded: its bound. */
  total: number;
  exact: boolean;
  counts: Omit<Counts, 'total'>;
  /** Points handed to Temporal and not yet decided; the first 20 ids. */
  inFlight: number;
  running: string[];
  startedAt: number | null;
  finishedAt: number | null;
  /** The child that runs its points, when there are several: it answers `progress` in more detail. */
  sweep: string | null;
  /** Children of running points that work in segments; the first 20. */
  trainings: string[];
  /** The latest decisions, oldest first. */
  recent: Decision[];
}

export interface Decision {
  point: string;
  what: 'computed' | 'cached' | 'failed' | 'blocked' | 'skipped';
  at: number;
  seconds: number;
  metric?: { name: string; value: number };
  error?: PointError;
}

/** What an operator may tell a run, as `experiment` hands it on to its sweeps. */
export type Control =
  | { do: 'pause' }
  | { do: 'resume' }
  | { do: 'parallelism'; value: number }
  | { do: 'cancel'; point: string }
  | { do: 'retry'; point: string };

/** How a run ended, for the record in the store. */
export interface RunEnd {
  state: 'completed' | 'failed' | 'cancelled';
  /** Every decided point, in the plan's order. */
  points: RunPoint[];
  result?: ExperimentResult;
}

export interface RunPoint {
  step: string;
  id: string;
  what: Decision['what'];
  key: Digest | null;
}
