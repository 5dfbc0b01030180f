import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Point } from '../compiler/plan/types.ts';
import { addCounts, decidedCount } from './decisions.ts';
import { stepLine } from './details.ts';
import type { StepExecution } from './execution.ts';
import { guarded } from './guard.ts';
import { EVENTS_PER_ACTIVITY, EVENTS_PER_CHILD } from './limits.ts';
import { controlSignal, progressQuery, stepProgressSignal } from './messages.ts';
import { runPoint } from './point.ts';
import { PointPool } from './pool.ts';
import type { Counts, DecidedPoint, StepProgress } from './types.ts';

/** What a sweep takes along when it continues as new. */
export interface SweepPosition {
  parallelism: number;
  paused: boolean;
  startedAt: number;
  decided: DecidedPoint[];
  /** Points of the step that were decided without running: blocked, skipped, kept from before. */
  before: Omit<Counts, 'total'>;
}

/**
 * Runs the points of one step, a bounded number at a time; continues as new long before its history gets long. The
 * points are an argument of their own, unchanged from run to run, so that a store keeps them once.
 */
export async function sweep(
  execution: StepExecution,
  points: Point[],
  position: SweepPosition,
): Promise<DecidedPoint[]> {
  return await guarded(async () => {
    const reporter = new Reporter(points.length);
    const pool: PointPool = new PointPool({
      points,
      run: (point) => runPoint(execution, point),
      ...position,
      eventsPerPoint: execution.step.segment ? EVENTS_PER_CHILD : EVENTS_PER_ACTIVITY,
      onDecision: () => {
        setCurrentDetails(stepLine(progress(), Date.now()));
        reporter.report(progress());
      },
    });
    const { step, run } = execution;
    const { before } = position;
    const progress = (): StepProgress => ({
      step: step.id,
      kind: step.kind,
      stage: step.stage,
      status: pool.finished ? 'done' : 'running',
      total: points.length + decidedCount(before),
      exact: true,
      counts: addCounts(before, pool.log.counts()),
      inFlight: pool.running.length,
      running: pool.running.slice(0, 20),
      startedAt: position.startedAt,
      finishedAt: pool.finished ? Date.now() : null,
      sweep: workflowInfo().workflowId,
      trainings: step.segment ? pool.running.slice(0, 20).map((id) => `${run.id}/${id}`) : [],
      recent: pool.log.recent,
    });
    setHandler(controlSignal, (control) => pool.control(control));
    setHandler(progressQuery, () => ({
      ...pool.settings,
      startedAt: position.startedAt,
      steps: [progress()],
    }));

    await pool.run();
    if (!pool.finished) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof sweep>(execution, points, {
        ...pool.settings,
        startedAt: position.startedAt,
        decided: pool.decisions,
        before,
      });
    }
    return pool.decisions;
  });
}

const REPORTS = 20;
const REPORT_INTERVAL_MS = 5_000;

/**
 * Tells the experiment how far the sweep is, for the table in its details. Every message costs both histories some
 * events, so there are at most some twenty a sweep; those who want to know more ask the sweep itself.
 */
class Reporter {
  private reportedAt = 0;
  private reported = 0;

  constructor(private readonly total: number) {}

  report(progress: StepProgress): void {
    const { parent } = workflowInfo();
    const decided = decidedCount(progress.counts);
    const due = decided - this.reported >= this.total / REPORTS;
    if (!parent || !due || decided === progress.total || Date.now() - this.reportedAt < REPORT_INTERVAL_MS)
      return;
    this.reported = decided;
    this.reportedAt = Date.now();
    getExternalWorkflowHandle(parent.workflowId)
      .signal(stepProgressSignal, { ...progress, recent: progress.recent.slice(-3) })
      // The experiment may have just been closed from outside; then this workflow is about to be, too.
      .catch(() => undefined);
  }
}
