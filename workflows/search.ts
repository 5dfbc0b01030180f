import {
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { expandSearches } from '../compiler/plan/expand.ts';
import { Lookup } from '../compiler/plan/lookup.ts';
import { Search } from '../compiler/plan/search.ts';
import { mostRungs, RUNG_AXIS, searchOf, TRIAL_AXIS } from '../compiler/plan/trials.ts';
import type { Plan, PlanStep, Point, States } from '../compiler/plan/types.ts';
import { addCounts, decidedCount, undecidable } from './decisions.ts';
import { stepLine } from './details.ts';
import type { StepExecution } from './execution.ts';
import { guarded } from './guard.ts';
import { EVENTS_PER_ACTIVITY, EVENTS_PER_CHILD } from './limits.ts';
import { controlSignal, progressQuery } from './messages.ts';
import { runPoint } from './point.ts';
import { PointPool } from './pool.ts';
import { Reporter } from './reporter.ts';
import type { SweepPosition } from './sweep.ts';
import type { DecidedPoint, StepProgress } from './types.ts';

/** What the trials are made from: unchanged from run to run, so that a store keeps it once. */
export interface SearchInput {
  /** The plan with nothing but the step and what it needs. */
  plan: Plan;
  states: States;
}

/**
 * Runs the trials of one step, one search for each combination of its matrix. All that it takes along when it continues as new
 * are the points decided: what was proposed follows from them.
 */
export async function search(
  execution: StepExecution,
  input: SearchInput,
  position: SweepPosition,
): Promise<DecidedPoint[]> {
  return await guarded(async () => {
    const { step, run } = execution;
    const { before } = position;
    const searches = new Searches(input, step.id, position.decided);
    const reporter = new Reporter(searches.bound);
    const pool: PointPool = new PointPool({
      ...position,
      points: [],
      more: () => searches.next((decision) => pool.log.add(decision)),
      run: (point) => runPoint(execution, point),
      failureLimit: step.failureLimit,
      concurrency: step.concurrency,
      eventsPerPoint: step.segment ? EVENTS_PER_CHILD : EVENTS_PER_ACTIVITY,
      onDecision(decision) {
        searches.decide(decision);
        setCurrentDetails(stepLine(progress(), Date.now()));
        reporter.report(progress());
      },
    });
    const done = () => pool.finished && searches.finished;
    const progress = (): StepProgress => {
      const counts = addCounts(before, pool.log.counts());
      return {
        step: step.id,
        kind: step.kind,
        stage: step.stage,
        status: done() ? 'done' : 'running',
        total: done() ? decidedCount(counts) : searches.bound + decidedCount(before),
        // Trials are stopped early, and spaces used up.
        exact: done(),
        counts,
        inFlight: pool.running.length,
        running: pool.running.slice(0, 20),
        startedAt: position.startedAt,
        finishedAt: done() ? Date.now() : null,
        sweep: workflowInfo().workflowId,
        trainings: step.segment ? pool.running.slice(0, 20).map((id) => `${run.id}/${id}`) : [],
        recent: pool.log.recent,
      };
    };
    setHandler(controlSignal, (control) => pool.control(control));
    setHandler(progressQuery, () => ({
      ...pool.settings,
      startedAt: position.startedAt,
      steps: [progress()],
    }));

    await pool.run();
    if (!done()) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof search>(execution, input, {
        ...pool.settings,
        startedAt: position.startedAt,
        decided: searches.decisions,
        before,
      });
    }
    return searches.decisions;
  });
}

/** The searches of a step, and all that has been decided in them. */
class Searches {
  /** The most points that they can have. */
  readonly bound: number;
  private readonly step: PlanStep;
  private readonly searches = new Map<string, Search>();
  private readonly decided = new Map<string, DecidedPoint>();

  constructor({ plan, states }: SearchInput, id: string, decided: readonly DecidedPoint[]) {
    this.step = plan.steps.find((step) => step.id === id)!;
    const known = new Map(decided.map(({ state }) => [state.id, state]));
    for (const decision of decided) this.decided.set(decision.state.id, decision);
    for (const base of expandSearches(new Lookup(plan, states), this.step).bases) {
      const one = new Search(base, this.step, known);
      this.searches.set(one.name, one);
    }
    this.bound = this.searches.size * this.step.search!.trials * mostRungs(this.step.search!);
  }

  get finished(): boolean {
    return [...this.searches.values()].every((search) => search.finished);
  }

  /** By search, trial and rung: whatever the order in which they ended. */
  get decisions(): DecidedPoint[] {
    const names = [...this.searches.keys()];
    const placed = [...this.decided.values()].map((decision) => {
      const { axes, seed } = decision.state;
      return {
        decision,
        place: [
          names.indexOf(searchOf(this.step, axes, seed)),
          Number(axes[TRIAL_AXIS]),
          Number(axes[RUNG_AXIS] ?? 0),
        ],
      };
    });
    placed.sort((a, b) => a.place.map((one, i) => one - b.place[i]!).find((sign) => sign !== 0) ?? 0);
    return placed.map(({ decision }) => decision);
  }

  /** @param onUndecidable called for trials that cannot run */
  next(onUndecidable: (decision: DecidedPoint) => void): Point[] {
    return [...this.searches.values()].flatMap((search) =>
      search.next().flatMap((entry) => {
        if (entry.status === 'ready') return [entry.point];
        // Of an earlier part of this search it is counted already.
        if (!this.decided.has(entry.id)) onUndecidable(undecidable(entry));
        this.decided.set(entry.id, this.decided.get(entry.id) ?? undecidable(entry));
        return [];
      }),
    );
  }

  decide(decision: DecidedPoint): void {
    const { id, axes, seed } = decision.state;
    this.decided.set(id, decision);
    this.searches.get(searchOf(this.step, axes, seed))?.decide(decision.state);
  }
}
