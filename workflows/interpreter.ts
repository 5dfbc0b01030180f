import {
  CancellationScope,
  condition,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunPointReference } from '../activities/types.ts';
import type { PlanStep, PointState, States } from '../compiler/plan/types.ts';
import { STAGE } from './attributes.ts';
import { runDetails } from './details.ts';
import { stepExecution } from './execution.ts';
import { historyIsFull, MAX_RUNNING_STEPS } from './limits.ts';
import { StepRun } from './step-run.ts';
import type { Control, DecidedPoint, ExperimentInput, Progress, StepProgress } from './types.ts';

/** What a run takes along when it continues as new: its settings, and the decisions of every step that is done. */
export interface ExperimentPosition {
  parallelism: number;
  paused: boolean;
  startedAt: number;
  cancelled: string[];
  decided: Record<string, DecidedPoint[]>;
}

/**
 * Follows a plan: every step starts as soon as all that it needs is decided, whatever else is running. A failed point
 * stops nothing but what needs it.
 */
export class Interpreter {
  readonly steps: Map<string, StepRun>;
  private paused: boolean;
  private parallelism: number;
  private readonly startedAt: number;
  private readonly cancelled: Set<string>;
  private readonly runId = workflowInfo().workflowId;
  private stage: string | undefined;
  private startedHere = 0;
  private changed = false;
  private broken: { error: unknown } | undefined;

  constructor(
    private readonly input: ExperimentInput,
    position: ExperimentPosition | undefined,
  ) {
    this.paused = position?.paused ?? false;
    this.parallelism = position?.parallelism ?? input.parallelism;
    this.startedAt = position?.startedAt ?? Date.now();
    this.cancelled = new Set(position?.cancelled);
    this.steps = new Map(
      input.plan.steps.map((step) => [step.id, new StepRun(step, position?.decided[step.id])]),
    );
  }

  /** Returns when every step is done, or when the history is full and nothing is running: see `finished`. */
  async run(): Promise<void> {
    this.show();
    try {
      for (;;) {
        this.startSteps();
        if (this.running.length === 0 && (this.finished || this.full)) return;
        this.changed = false;
        await condition(() => this.changed);
        if (this.broken) throw this.broken.error;
      }
    } catch (error) {
      await CancellationScope.nonCancellable(() => condition(() => this.running.length === 0));
      throw error;
    }
  }

  get finished(): boolean {
    return this.runs.every(({ status }) => status === 'done');
  }

  get position(): ExperimentPosition {
    const done = this.runs.filter(({ status }) => status === 'done');
    return {
      parallelism: this.parallelism,
      paused: this.paused,
      startedAt: this.startedAt,
      cancelled: [...this.cancelled],
      decided: Object.fromEntries(done.map((run) => [run.step.id, run.decisions])),
    };
  }

  get progress(): Progress {
    return {
      paused: this.paused,
      startedAt: this.startedAt,
      steps: this.runs.map((run) => run.progress),
    };
  }

  /** In the plan's order. */
  get runs(): StepRun[] {
    return [...this.steps.values()];
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** Hands an operator's word to every running step. */
  async control(control: Control): Promise<void> {
    if (control.do === 'pause') this.paused = true;
    if (control.do === 'resume') this.paused = false;
    if (control.do === 'parallelism') this.parallelism = control.value;
    if (control.do === 'cancel') this.cancelled.add(control.point);
    if (control.do === 'retry') this.cancelled.delete(control.point);
    this.wake();
    await Promise.all(this.running.map((run) => run.control(control)));
  }

  /** The step, and all that directly or indirectly need it. */
  withDependants(id: string): StepRun[] {
    const ids = new Set([id]);
    // Steps come after what they need, so that one pass finds all.
    for (const { step } of this.steps.values()) {
      if (step.readsRun || step.needs.some((need) => ids.has(need))) ids.add(step.id);
    }
    return [...ids].map((each) => this.steps.get(each)!);
  }

  reopen(steps: StepRun[]): void {
    for (const run of steps)
      if (run.states.some(({ status }) => status !== 'accepted') || run.step.readsRun) run.reopen();
    this.wake();
  }

  report(progress: StepProgress): void {
    this.steps.get(progress.step)?.report(progress);
    this.show();
  }

  get states(): States {
    return Object.fromEntries(this.runs.map((run) => [run.step.id, run.states]));
  }

  private get running(): StepRun[] {
    return this.runs.filter(({ status }) => status === 'running');
  }

  get full(): boolean {
    return historyIsFull(this.running.reduce((sum, run) => sum + run.eventsToCome, 0));
  }

  private startSteps(): void {
    if (this.paused) return;
    for (const run of this.steps.values()) {
      if (run.status !== 'waiting' || !this.ready(run.step)) continue;
      if (this.running.length >= MAX_RUNNING_STEPS) return;
      // A run that starts nothing at all would hand over for ever.
      if (this.full && this.startedHere > 0) return;
      this.start(run);
    }
  }

  private start(run: StepRun): void {
    const { step } = run;
    this.startedHere += 1;
    this.enterStage(step.stage);
    const execution = stepExecution(this.input, this.runId, step, step.readsRun ? this.references(step) : []);
    const { parallelism, paused } = this;
    run
      .run(this.input.plan, this.states, execution, { parallelism, paused }, this.cancelled)
      .catch((error) => {
        run.abandon();
        this.broken ??= { error };
      })
      .finally(() => {
        this.show();
        this.wake();
      });
  }

  private ready(step: PlanStep): boolean {
    const needs = step.readsRun
      ? this.runs.filter((run) => !run.step.readsRun)
      : step.needs.map((need) => this.steps.get(need)!);
    return needs.every(({ status }) => status === 'done');
  }

  /** What became of every point, for a step that reads the whole run. */
  private references(reader: PlanStep): RunPointReference[] {
    return this.runs
      .filter(({ step }) => step !== reader && !step.readsRun)
      .flatMap(({ step, states }) => states.map((state) => reference(step, state)));
  }

  private enterStage(stage: string): void {
    if (stage === this.stage) return;
    this.stage = stage;
    if (this.input.searchAttributes) upsertSearchAttributes([{ key: STAGE, value: stage }]);
  }

  private show(): void {
    const { paused, steps } = this.progress;
    setCurrentDetails(runDetails({ name: this.input.plan.name, paused }, steps, Date.now()));
  }

  private wake(): void {
    this.changed = true;
  }
}

function reference({ id: step, kind }: PlanStep, state: PointState): RunPointReference {
  const { id, status, axes, seed } = state;
  const key = 'key' in state ? state.key : null;
  return { step, id, kind, status, key, axes, seed, ...(status === 'failed' && { error: state.error }) };
}
