import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { PointError } from '../compiler/plan/types.ts';

/** What went wrong inside the wrappers that activities and children put around it. */
function unwrap(error: unknown): unknown {
  let inner = error;
  while ((inner instanceof ActivityFailure || inner instanceof ChildWorkflowFailure) && inner.cause) {
    inner = inner.cause;
  }
  return inner;
}

/** The worker died, lost its connection, or was shut down while it had the activity. */
export function lostWorker(error: unknown): boolean {
  const inner = unwrap(error);
  if (inner instanceof ApplicationFailure) return inner.type === 'worker-shutdown';
  return inner instanceof TimeoutFailure && inner.timeoutType === 'HEARTBEAT';
}

/** The worker gave the activity back: it had begun to compute something else meanwhile. */
export function busyWorker(error: unknown): boolean {
  const inner = unwrap(error);
  return inner instanceof ApplicationFailure && inner.type === 'worker-busy';
}

/** How a failed activity or child reads in the state of its point. */
export function pointError(error: unknown): PointError {
  const inner = unwrap(error);
  if (inner instanceof ApplicationFailure) return ofApplication(inner);
  if (inner instanceof TimeoutFailure) return ofTimeout(inner);
  if (inner instanceof TerminatedFailure) {
    return { code: 'terminated', message: 'Its workflow was terminated from outside.' };
  }
  if (inner instanceof TemporalFailure) return { code: 'temporal', message: inner.message };
  return { code: 'internal', message: inner instanceof Error ? inner.message : String(inner) };
}

function ofApplication(failure: ApplicationFailure): PointError {
  const details = failure.details?.[0] as { hint?: unknown } | undefined;
  const hint = typeof details?.hint === 'string' ? details.hint : undefined;
  return { code: failure.type ?? 'internal', message: failure.message, ...(hint && { hint }) };
}

function ofTimeout(failure: TimeoutFailure): PointError {
  if (failure.timeoutType === 'HEARTBEAT') {
    return {
      code: 'worker-lost',
      message: 'Worker after worker was lost while computing it.',
      hint: "Look at the workers' memory: the system ends processes that ask for more than there is.",
    };
  }
  return {
    code: 'timeout',
    message: 'It took longer than its timeout in every attempt.',
    hint: 'Raise `timeout` of the step, or give it less to do.',
  };
}
