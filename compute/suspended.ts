/** Thrown by `Job.loop` when the attempt ends at a checkpoint. Not a failure; bodies let it through. */
export class Suspended extends Error {
  override name = 'Suspended';
  constructor(
    readonly step: number,
    readonly total: number,
  ) {
    super(`suspended after ${step} of ${total}`);
  }
}

/** By name, since the body and the child may be bundled apart and then have a class each. */
export function isSuspended(error: unknown): error is Suspended {
  return error instanceof Error && error.name === 'Suspended' && 'step' in error && 'total' in error;
}
