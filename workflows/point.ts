import { proxyActivities } from '@temporalio/workflow';
import type { PointOutcome, PointRequest } from '../activities/types.ts';
import type { Point } from '../compiler/plan/types.ts';
import { startOwnChild } from './children.ts';
import { activityOptions, pointRequest, type StepExecution } from './execution.ts';
import { busyWorker, lostWorker } from './failure.ts';
import type { training } from './training.ts';
import type { DecidedPoint } from './types.ts';

/**
 * Losing a worker says nothing about the point, so it does not use up the attempts that the spec gives. It is bounded
 * all the same: a point that kills every worker it meets must end.
 */
const MAX_LOST_WORKERS = 10;

/** Each time another group of points has begun, so that this one's turn comes long before. */
const MAX_BUSY_WORKERS = 500;

type PointActivity = (request: PointRequest) => Promise<PointOutcome>;

/** One activity, scheduled again when its worker is lost, or has begun something else. */
export async function runActivity(
  execution: StepExecution,
  request: PointRequest,
  summary: string,
): Promise<PointOutcome> {
  const activities = proxyActivities<Record<string, PointActivity>>(
    activityOptions(execution, request, summary),
  );
  for (let lost = 0, busy = 0; ; ) {
    try {
      return await activities[request.kind]!(request);
    } catch (error) {
      if (lostWorker(error) && lost < MAX_LOST_WORKERS) lost++;
      else if (busyWorker(error) && busy < MAX_BUSY_WORKERS) busy++;
      else throw error;
    }
  }
}

/**
 * Runs one point to its end: an activity, or a `training` workflow for a kind that works in segments.
 * @throws whatever ended it; cancellation included
 */
export async function runPoint(
  execution: StepExecution,
  point: Point,
  stream?: PointRequest['stream'],
): Promise<DecidedPoint> {
  const request = pointRequest(execution, point, stream);
  const outcome = execution.step.segment
    ? await runTraining(execution, request)
    : await runActivity(execution, request, point.summary || point.id);
  if (outcome.status === 'suspended') throw new Error(`${request.kind} stopped at a segment but has none`);
  const { key, cached, seconds, dollars, outputs, metrics, different } = outcome;
  return {
    state: {
      status: 'accepted',
      id: point.id,
      key,
      cached,
      axes: point.axes,
      seed: point.seed,
      outputs,
      metrics,
    },
    at: Date.now(),
    seconds,
    dollars,
    ...(different && { different }),
  };
}

async function runTraining(execution: StepExecution, request: PointRequest): Promise<PointOutcome> {
  const { point } = request;
  const child = await startOwnChild<typeof training>(
    'training',
    `${execution.run.id}/${point.id}`,
    `${request.kind} ${point.summary || point.id}`,
    [execution, request],
  );
  return await child.result();
}
