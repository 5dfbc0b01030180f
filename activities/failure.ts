import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describeFailure } from '../compute/failure.ts';
import { SupersededError } from '../store/checkpoints.ts';
import { StoreError } from '../store/error.ts';
import type { PointContext } from './context.ts';

/** First detail of the ApplicationFailure with which a point's activity fails; its `type` is the code. */
export interface FailureDetails {
  code: string;
  message: string;
  hint?: string;
  point: string;
  /** Path of the point's log on the host that ran it, and its last lines. */
  log: string;
  lastLines: string[];
}

/** Thrown when the attempt was stopped from outside: its state is saved. */
export class StoppedError extends Error {
  override name = 'StoppedError';
}

/** What Temporal shall see of an error: a code, whether and when to try again, what to do about it, and no secret. */
export function toTemporalFailure(
  error: unknown,
  where: {
    point: string;
    log: string;
    lastLines: string[];
    redact: (text: string) => string;
    context: PointContext;
  },
): Error {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof StoppedError && where.context.stopReason() !== 'shutdown') {
    return where.context.signal.reason instanceof CancelledFailure
      ? where.context.signal.reason
      : new CancelledFailure(where.context.stopReason());
  }
  const { code, message, retryable, hint, retryAfterSeconds } = describe(error);
  const details: FailureDetails = {
    code,
    message: where.redact(message),
    ...(hint === undefined ? {} : { hint: where.redact(hint) }),
    point: where.point,
    log: where.log,
    lastLines: where.lastLines,
  };
  return ApplicationFailure.create({
    type: code,
    message: details.message,
    nonRetryable: !retryable,
    details: [details],
    ...(retryAfterSeconds === undefined ? {} : { nextRetryDelay: retryAfterSeconds * 1000 }),
  });
}

function describe(error: unknown): {
  code: string;
  message: string;
  retryable: boolean;
  hint?: string;
  retryAfterSeconds?: number;
} {
  if (error instanceof StoppedError)
    return { code: 'worker-shutdown', message: error.message, retryable: true };
  if (error instanceof SupersededError)
    return { code: 'superseded', message: error.message, retryable: true };
  if (error instanceof StoreError) {
    const { message, retryable, hint } = error;
    const lost = error.code === 'missing' || error.code === 'corrupt';
    return { code: lost ? `artifact-${error.code}` : error.code, message, retryable, hint };
  }
  return describeFailure(error);
}
