import type { MemberMessage } from './types.ts';

type Failure = Extract<MemberMessage, { type: 'failure' }>;

/**
 * What went wrong in a body, as data. A ComputeError says it itself; of other errors only those are known whose system code
 * tells whether trying again can help. A bug in a body fails alike each time, so it is not tried again.
 */
export function describeFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return failure('internal', `a body threw ${String(error)}`, false);
  const stack = error.stack === undefined ? {} : { stack: error.stack };
  if (error.name === 'ComputeError' && 'code' in error && typeof error.code === 'string') {
    const options =
      (error as { options?: { retryable?: boolean; hint?: string; retryAfterSeconds?: number } }).options ??
      {};
    return {
      ...failure(error.code, error.message, options.retryable ?? false, options.hint),
      ...(options.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: options.retryAfterSeconds }),
      ...stack,
    };
  }
  const known = byCode(error) ?? byMessage(error);
  return { ...(known ?? failure('internal', `${error.name}: ${error.message}`, false)), ...stack };
}

const CONNECTION = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
]);

function byCode(error: Error): Failure | null {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return failure(
      'disk-full',
      error.message,
      true,
      'Free space on the disk that holds .plumb; the work then goes on.',
    );
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return failure(
      'too-many-files',
      error.message,
      true,
      'Raise the limit of open files: `ulimit -n 65536`.',
    );
  }
  if (code !== undefined && CONNECTION.has(code)) return failure('connection-lost', error.message, true);
  return null;
}

const MEMORY =
  /out of memory|OOM when allocating|failed to allocate|allocation failed|bad_alloc|RESOURCE_EXHAUSTED/i;

function byMessage(error: Error): Failure | null {
  if (!MEMORY.test(error.message)) return null;
  return failure('out-of-memory', error.message, false, OUT_OF_MEMORY_HINT);
}

export const OUT_OF_MEMORY_HINT =
  'Lower `batch` (or `context`, `expansion`, the number of layers), or run fewer points at once on this host.';

function failure(code: string, message: string, retryable: boolean, hint?: string): Failure {
  return { type: 'failure', code, message, retryable, ...(hint === undefined ? {} : { hint }) };
}
