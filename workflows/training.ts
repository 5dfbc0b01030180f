import { ApplicationFailure, continueAsNew, log, setCurrentDetails } from '@temporalio/workflow';
import type { PointOutcome, PointRequest } from '../activities/types.ts';
import type { StepExecution } from './execution.ts';
import { guarded } from './guard.ts';
import { EVENTS_PER_ACTIVITY, historyIsFull } from './limits.ts';
import { runActivity } from './point.ts';

/** How far a training has come; carried over when it continues as new. */
interface Position {
  segments: number;
  done: number;
  total: number | null;
}

/**
 * One training point, a chain of activities of one segment each. Every activity gets the same request and goes on from
 * the checkpoint that the one before left in the store, on whatever worker is free.
 */
export async function training(
  execution: StepExecution,
  request: PointRequest,
  position: Position = { segments: 0, done: 0, total: null },
): Promise<PointOutcome> {
  return await guarded(() => runSegments(execution, request, position));
}

async function runSegments(
  execution: StepExecution,
  request: PointRequest,
  position: Position,
): Promise<PointOutcome> {
  let { segments, done, total } = position;
  for (let here = 0; ; here++) {
    if (here > 0 && historyIsFull(EVENTS_PER_ACTIVITY)) {
      await continueAsNew<typeof training>(execution, request, { segments, done, total });
    }
    const { point } = request;
    const where = total === null ? '' : ` from ${done} of ${total}`;
    const outcome = await runActivity(execution, request, `${point.summary || point.id}${where}`);
    if (outcome.status === 'accepted') return outcome;
    segments += 1;
    if (outcome.done <= done) {
      throw ApplicationFailure.create({
        type: 'no-progress',
        nonRetryable: true,
        message: `Segment ${segments} ended at ${outcome.done} of ${outcome.total}, where it had begun.`,
      });
    }
    ({ done, total } = outcome);
    setCurrentDetails(`${done} of ${total} after ${segments} segment${segments === 1 ? '' : 's'}`);
    log.info('segment done', { point: point.id, done, total });
  }
}
