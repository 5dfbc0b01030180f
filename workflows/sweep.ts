import {
  allHandlersFinished,
  condition,
  continueAsNew,
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
import { controlSignal, progressQuery } from './messages.ts';
import { runPoint } from './point.ts';
import { PointPool } from './pool.ts';
import { Reporter } from './reporter.ts';
import { SweepStreams } from './streams.ts';
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
    const streams = new SweepStreams(execution.step, points);
    for (const { state } of position.decided) streams.decided(state.id);
    const pool: PointPool = new PointPool({
      points: streams.points,
      run: (point) => runPoint(execution, point, streams.of(point, pool.settings.parallelism)),
      ...position,
      failureLimit: execution.step.failureLimit,
      concurrency: execution.step.concurrency,
      eventsPerPoint: execution.step.segment ? EVENTS_PER_CHILD : EVENTS_PER_ACTIVITY,
      onDecision: ({ state }) => {
        streams.decided(state.id);
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
