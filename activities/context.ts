import type { Context } from '@temporalio/activity';
import type { StopReason } from '../compute/supervise.ts';
import type { PointHeartbeat } from './types.ts';

/** What an attempt at a point needs to know of the Temporal activity that it is. */
export interface PointContext {
  /** Aborted when the activity must end. */
  signal: AbortSignal;
  /** Why, once it is aborted. */
  stopReason(): StopReason;
  heartbeat(details: PointHeartbeat): void;
  /** How often to repeat a heartbeat. */
  heartbeatEveryMs: number;
  /** The last heartbeat of the attempt before. */
  previous: PointHeartbeat | null;
  /** From 1. */
  attempt: number;
  /** Names the activity over its retries, and no other. */
  execution: string;
}

export function contextOf(context: Context): PointContext {
  const { info } = context;
  return {
    signal: context.cancellationSignal,
    stopReason() {
      const details = context.cancellationDetails;
      if (details?.workerShutdown || String(context.cancellationSignal.reason?.message) === 'WORKER_SHUTDOWN')
        return 'shutdown';
      return details?.paused ? 'paused' : 'cancelled';
    },
    heartbeat: (details) => context.heartbeat(details),
    heartbeatEveryMs: Math.min(10_000, Math.max(500, (info.heartbeatTimeoutMs ?? 30_000) / 4)),
    previous: isHeartbeat(info.heartbeatDetails) ? info.heartbeatDetails : null,
    attempt: info.attempt,
    execution: [info.workflowExecution?.workflowId, info.workflowExecution?.runId, info.activityId].join('/'),
  };
}

function isHeartbeat(value: unknown): value is PointHeartbeat {
  return (
    typeof value === 'object' && value !== null && 'done' in value && 'total' in value && 'metrics' in value
  );
}
