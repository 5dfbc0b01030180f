import {
  type ChildWorkflowHandle,
  createEventGroup,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import { ExpansionError, expandSearches, expandStep } from '../compiler/plan/expand.ts';
import { Lookup } from '../compiler/plan/lookup.ts';
import type {
  ExpandedPoint,
  Plan,
  PlanStep,
  Point,
  PointError,
  PointState,
  States,
} from '../compiler/plan/types.ts';
import { startOwnChild } from './children.ts';
import { countDecisions, DecisionLog, kindOf, undecidable } from './decisions.ts';
import type { StepExecution } from './execution.ts';
import { pointError } from './failure.ts';
import { EVENTS_PER_ACTIVITY, EVENTS_PER_CHILD } from './limits.ts';
import { controlSignal } from './messages.ts';
import { runPoint } from './point.ts';
import { PointPool } from './pool.ts';
import type { SearchInput, search } from './search.ts';
import type { sweep } from './sweep.ts';
import type { Control, DecidedPoint, StepProgress } from './types.ts';

/** One step of a run, from waiting to all of its points decided: a single point here, several in a child `sweep`. */
export class StepRun {
  status: StepProgress['status'] = 'waiting';
  private readonly decided = new Map<string, DecidedPoint>();
  private readonly log = new DecisionLog();
  /** Ids in expansion order, once expanded. */
  private order: string[] | null = null;
  private pool: PointPool | undefined;
  private child: ChildWorkflowHandle<typeof sweep | typeof search> | undefined;
  /** What was said while the child was being started. */
  private early: Control[] | undefined;
  private reported: StepProgress | undefined;
  private startedAt: number | null = null;
  private finishedAt: number | null = null;

  constructor(
    readonly step: PlanStep,
    /** Decided by an earlier run of the same workflow. */
    decided: DecidedPoint[] | undefined,
  ) {
    if (!decided) return;
    this.status = 'done';
    this.order = decided.map(({ state }) => state.id);
    for (const decision of decided) this.add(decision);
  }

  /** In expansion order; complete only when the step is done. */
  get decisions(): DecidedPoint[] {
    return (this.order ?? []).flatMap((id) => this.decided.get(id) ?? []);
  }

  get states(): PointState[] {
    return this.decisions.map(({ state }) => state);
  }

  /** Events that it may still add to the history of the experiment. */
  get eventsToCome(): number {
    if (this.status !== 'running') return 0;
    return this.child ? 150 : EVENTS_PER_CHILD;
  }

  /** Rejects only when the run is cancelled or the interpreter is broken; failures are decisions. */
  async run(
    plan: Plan,
    states: States,
    execution: StepExecution,
    settings: { parallelism: number; paused: boolean },
    cancelled: ReadonlySet<string>,
  ): Promise<void> {
    this.status = 'running';
    this.startedAt = Date.now();
    const { search } = this.step;
    const points = search ? [] : this.expand(plan, states, cancelled);
    const group = createEventGroup(this.step.stage, { id: this.step.stage });
    const finished = await group.withScope(async () => {
      if (search) return await this.runSearch(plan, states, execution, settings);
      if (points.length === 0) return true;
      if (points.length === 1) return await this.runHere(points, execution, settings);
      return await this.runSweep(points, execution, settings);
    });
    this.status = finished ? 'done' : 'waiting';
    this.finishedAt = Date.now();
  }

  /** Decides what cannot or need not run; returns what remains. */
  private expand(plan: Plan, states: States, cancelled: ReadonlySet<string>): Point[] {
    const expanded = expandOrFail(plan, this.step, states);
    this.order = expanded.map((entry) => (entry.status === 'ready' ? entry.point.id : entry.id));
    const points: Point[] = [];
    for (const entry of expanded) {
      if (entry.status !== 'ready') {
        this.add(undecidable(entry));
        continue;
      }
      const { point } = entry;
      const before = this.decided.get(point.id)?.state;
      if (before?.status === 'accepted' && before.key === point.key) continue;
      this.decided.delete(point.id);
      if (cancelled.has(point.id)) this.fail(point, { code: 'cancelled', message: 'It was cancelled.' });
      else points.push(point);
    }
    return points;
  }

  private async runHere(
    points: Point[],
    execution: StepExecution,
    settings: { parallelism: number; paused: boolean },
  ): Promise<boolean> {
    const pool = new PointPool({
      points,
      run: (point) => runPoint(execution, point),
      ...settings,
      eventsPerPoint: this.step.segment ? EVENTS_PER_CHILD : EVENTS_PER_ACTIVITY,
    });
    this.pool = pool;
    await pool.run();
    this.pool = undefined;
    for (const decision of pool.decisions) this.add(decision);
    return pool.finished;
  }

  private async runSweep(
    points: Point[],
    execution: StepExecution,
    settings: { parallelism: number; paused: boolean },
  ): Promise<boolean> {
    try {
      const summary = `${this.step.id}: ${points.length} points of ${this.step.kind}`;
      const decisions = await this.runChild('sweep', execution, summary, [
        execution,
        points,
        { ...settings, startedAt: Date.now(), decided: [], before: this.counts },
      ]);
      for (const decision of decisions) this.add(decision);
    } catch (error) {
      if (isCancellation(error)) throw error;
      for (const point of points) this.fail(point, pointError(error));
    }
    return true;
  }

  /** Which points there are is known only when it ends. */
  private async runSearch(
    plan: Plan,
    states: States,
    execution: StepExecution,
    settings: { parallelism: number; paused: boolean },
  ): Promise<boolean> {
    const { step } = this;
    const bases = searchesOrFail(plan, step, states);
    const decided = this.decisions.filter(({ state }) => state.status === 'accepted');
    this.decided.clear();
    const impossible = bases.decided.map(undecidable);
    for (const decision of impossible) this.add(decision);
    let trials: DecidedPoint[] = [];
    try {
      const count = bases.bases.length;
      const summary = `${step.id}: ${count === 1 ? 'a search' : `${count} searches`} of ${step.search!.trials} trials of ${step.kind}`;
      if (count > 0)
        trials = await this.runChild('search', execution, summary, [
          execution,
          searchInput(plan, step, states),
          { ...settings, startedAt: Date.now(), decided, before: this.counts },
        ]);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { id } = step;
      const state: PointState = {
        status: 'failed',
        id,
        key: null,
        axes: {},
        seed: null,
        error: pointError(error),
      };
      trials = [{ state, at: Date.now(), seconds: 0, dollars: 0 }];
    }
    for (const decision of trials) this.add(decision);
    this.order = [...impossible, ...trials].map(({ state }) => state.id);
    return true;
  }

  /** The step's own workflow, to its end. */
  private async runChild<T extends typeof sweep | typeof search>(
    type: 'sweep' | 'search',
    execution: StepExecution,
    summary: string,
    args: Parameters<T>,
  ): Promise<DecidedPoint[]> {
    try {
      this.early = [];
      const id = `${execution.run.id}/${this.step.id}`;
      const child = await startOwnChild<T>(type, id, summary, args);
      this.child = child;
      for (const control of this.early) await this.tell(child, control);
      this.early = undefined;
      return (await child.result()) as DecidedPoint[];
    } finally {
      this.child = this.early = undefined;
      this.reported = undefined;
    }
  }

  /** Makes the step wait again, for a point that is to be retried or for what had been blocked. */
  reopen(): void {
    this.status = 'waiting';
    for (const [id, { state }] of this.decided) {
      if (state.status !== 'accepted' || this.step.readsRun) this.decided.delete(id);
    }
  }

  /** After `run` rejected: it is not running any more. */
  abandon(): void {
    this.status = 'waiting';
  }

  async control(control: Control): Promise<void> {
    this.pool?.control(control);
    if (this.early) this.early.push(control);
    else if (this.child) await this.tell(this.child, control);
  }

  private async tell(
    child: ChildWorkflowHandle<typeof sweep | typeof search>,
    control: Control,
  ): Promise<void> {
    try {
      await child.signal(controlSignal, control);
    } catch (error) {
      // It has just finished: nothing is left that could be told.
      if (isCancellation(error)) throw error;
    }
  }

  report(progress: StepProgress): void {
    if (this.child) this.reported = progress;
  }

  /** Of a point that has been expanded. `in-sweep`: only the child knows more. */
  state(point: string): PointState | 'waiting' | 'running' | 'in-sweep' | undefined {
    return (
      this.decided.get(point)?.state ??
      this.pool?.state(point) ??
      (this.child && this.mayHave(point) ? 'in-sweep' : undefined)
    );
  }

  /** Which trials there are, only the search knows. */
  private mayHave(point: string): boolean {
    const { step, order } = this;
    return step.search ? point.startsWith(`${step.id}[`) : (order?.includes(point) ?? false);
  }

  get progress(): StepProgress {
    const { step, reported, log } = this;
    const running = this.pool?.running ?? [];
    return {
      step: step.id,
      kind: step.kind,
      stage: step.stage,
      status: this.status,
      total: this.order?.length ?? step.bound,
      exact: this.order !== null || !(step.matrix || step.search),
      counts: reported?.counts ?? this.counts,
      inFlight: reported?.inFlight ?? running.length,
      running: reported?.running ?? running,
      startedAt: this.startedAt,
      finishedAt: this.status === 'done' ? this.finishedAt : null,
      sweep: this.child?.workflowId ?? null,
      trainings: step.segment ? running.map((id) => `${workflowInfo().workflowId}/${id}`) : [],
      recent: [...log.recent, ...(reported?.recent ?? [])],
    };
  }

  private get counts(): StepProgress['counts'] {
    return countDecisions([...this.decided.values()].map(({ state }) => kindOf(state)));
  }

  private add(decision: DecidedPoint): void {
    this.decided.set(decision.state.id, decision);
    this.log.add(decision);
  }

  private fail(point: Point, error: PointError): void {
    const { id, key, axes, seed } = point;
    this.add({
      state: { status: 'failed', id, key, axes, seed, error },
      at: Date.now(),
      seconds: 0,
      dollars: 0,
    });
  }
}

function expandOrFail(plan: Plan, step: PlanStep, states: States): ExpandedPoint[] {
  try {
    return expandStep(plan, step, states);
  } catch (error) {
    return [inexpandable(step, error)];
  }
}

function searchesOrFail(plan: Plan, step: PlanStep, states: States): ReturnType<typeof expandSearches> {
  try {
    return expandSearches(new Lookup(plan, states), step);
  } catch (error) {
    return { bases: [], decided: [inexpandable(step, error)] };
  }
}

/** A step that cannot be expanded, as one point that cannot run. */
function inexpandable(step: PlanStep, error: unknown): Extract<ExpandedPoint, { status: 'blocked' }> {
  if (!(error instanceof ExpansionError)) throw error;
  const { code, message, hint } = error;
  const failure: PointError = { code, message, ...(hint !== undefined && { hint }) };
  return { status: 'blocked', id: step.id, axes: {}, seed: null, by: [], error: failure };
}

/** The part of the plan and of what has run that trials are made from. */
function searchInput(plan: Plan, step: PlanStep, states: States): SearchInput {
  const ids = new Set([step.id, ...step.needs]);
  return {
    plan: { ...plan, steps: plan.steps.filter(({ id }) => ids.has(id)), expect: [] },
    states: Object.fromEntries(step.needs.map((id) => [id, states[id] ?? []])),
  };
}
