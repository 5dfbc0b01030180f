import type { ActivityOptions } from '@temporalio/workflow';
import type { PointRequest, RunPointReference } from '../activities/types.ts';
import { readerKey } from '../compiler/plan/reader-key.ts';
import type { PlanStep, Point } from '../compiler/plan/types.ts';
import type { ExperimentInput, Recompute } from './types.ts';

/** What it takes to run any point of a step: the small part of the plan that sweeps and trainings need. */
export interface StepExecution {
  run: { id: string; experiment: string };
  step: Omit<PlanStep, 'params' | 'matrix' | 'search' | 'if' | 'needs' | 'notInKey'>;
  heartbeatSeconds: number;
  recompute?: Recompute;
  /** For a step that reads the whole run. */
  readsRun?: { planDigest: string; artifacts: string[]; planDocument: string; points: RunPointReference[] };
}

export function stepExecution(
  input: ExperimentInput,
  runId: string,
  step: PlanStep,
  points: RunPointReference[],
): StepExecution {
  const {
    params: _params,
    matrix: _matrix,
    search: _search,
    if: _if,
    needs: _needs,
    notInKey: _notInKey,
    ...rest
  } = step;
  return {
    run: { id: runId, experiment: input.plan.name },
    step: rest,
    heartbeatSeconds: input.heartbeatSeconds,
    ...(input.recompute && { recompute: input.recompute }),
    ...(step.readsRun && {
      readsRun: {
        planDigest: input.plan.digest,
        artifacts: step.readsRun.artifacts,
        planDocument: `runs/${runId}/plan`,
        points,
      },
    }),
  };
}

/** What the activity is asked to do. */
export function pointRequest(
  execution: StepExecution,
  point: Point,
  stream?: PointRequest['stream'],
): PointRequest {
  const { run, step, recompute, readsRun } = execution;
  const again = recompute && (recompute.steps.includes(step.id) || recompute.points.includes(point.id));
  return {
    run,
    kind: step.kind,
    kindVersion: step.kindVersion,
    point: readsRun
      ? { ...point, key: readerKey(point, { digest: readsRun.planDigest }, readsRun.points) }
      : point,
    checkpointEvery: step.checkpointEvery ?? null,
    ...(step.checkpointSeconds !== undefined && { checkpointSeconds: step.checkpointSeconds }),
    ...(step.checkpointKeep !== undefined && { checkpointKeep: step.checkpointKeep }),
    segmentUnits: step.segment?.units ?? null,
    ...(stream && { stream }),
    stallSeconds: step.stallSeconds,
    secrets: step.secrets,
    ...(readsRun && {
      readsRun: {
        artifacts: readsRun.artifacts,
        planDocument: readsRun.planDocument,
        points: readsRun.points,
      },
    }),
    ...(again && { recompute: { generation: recompute.generation, replace: recompute.replace } }),
  };
}

/** The queues that every worker serves. */
const USUAL_QUEUES = ['cpu', 'gpu', 'label'];

/** The task queue of a step's queue: a usual one, or one that the team's own workers serve. */
export function taskQueue(queue: string): string {
  return USUAL_QUEUES.includes(queue) ? `plumb-${queue}` : queue;
}

/** The queues of a plan beyond the usual ones. */
export function customQueues(steps: readonly { queue: string }[]): string[] {
  return [...new Set(steps.map(({ queue }) => queue))].filter((queue) => !USUAL_QUEUES.includes(queue));
}

export function activityOptions(
  { step, heartbeatSeconds }: StepExecution,
  { point, stream }: PointRequest,
  summary: string,
): ActivityOptions {
  return {
    // Only one activity a point is open at a time; so those who watch know which point it is.
    activityId: point.id,
    taskQueue: taskQueue(step.queue),
    // Side by side with others, a point has its share of the time.
    startToCloseTimeout: step.timeoutSeconds * (stream?.points ?? 1) * 1000,
    heartbeatTimeout: Math.min(heartbeatSeconds, step.stallSeconds) * 1000,
    retry: {
      maximumAttempts: step.retry.attempts,
      initialInterval: step.retry.backoffSeconds * 1000,
      backoffCoefficient: 2,
      maximumInterval: Math.max(step.retry.backoffSeconds, 300) * 1000,
    },
    // Told to stop, a point still saves what it has; its step is not over before that. The SDK's text calls this the
    // default, but what it sends without it is TRY_CANCEL.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    summary: clip(summary),
  };
}

/** Temporal allows 200 bytes; ids are nearly always ASCII, so characters are counted after a rough byte check. */
export function clip(summary: string, bytes = 200): string {
  const size = (text: string) => new TextEncoder().encode(text).length;
  if (size(summary) <= bytes) return summary;
  let text = summary.slice(0, bytes);
  while (size(text) > bytes - 3) text = text.slice(0, -1);
  return `${text}…`;
}
