import {
  ApplicationFailure,
  ContinueAsNew,
  DeterminismViolationError,
  TemporalFailure,
} from '@temporalio/workflow';

/**
 * An ordinary error in workflow code fails the workflow *task*, which Temporal retries for ever. A defect of the
 * interpreter must end the run with its message instead.
 */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const belongsToTemporal =
      error instanceof TemporalFailure ||
      error instanceof ContinueAsNew ||
      error instanceof DeterminismViolationError;
    if (belongsToTemporal) throw error;
    const cause = error instanceof Error ? error : new Error(String(error));
    throw ApplicationFailure.create({
      type: 'interpreter',
      nonRetryable: true,
      message: `Plumbline's interpreter failed: ${cause.message}`,
      cause,
    });
  }
}
