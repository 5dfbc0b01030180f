import { OUT_OF_MEMORY_HINT } from './failure.ts';
import { ComputeError } from './types.ts';

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The kernel killed for want of memory while the child ran. */
  kernelOutOfMemory: boolean;
  /** The last lines that the child wrote. */
  tail: string[];
}

/** What the end of a child that sent neither result nor failure means. */
export function classifyExit(exit: ChildExit): ComputeError {
  const text = exit.tail.join('\n');
  const killed = exit.signal === 'SIGKILL' || exit.code === 137;
  if (killed && exit.kernelOutOfMemory) {
    return new ComputeError('out-of-memory', 'The kernel ran out of memory and killed the compute process.', {
      retryable: true,
      hint: OUT_OF_MEMORY_HINT,
    });
  }
  if (/JavaScript heap out of memory/.test(text)) {
    return new ComputeError('out-of-memory', 'The compute process used up its JavaScript heap.', {
      hint: OUT_OF_MEMORY_HINT,
    });
  }
  if (/std::bad_alloc|OOM when allocating|failed to allocate memory/i.test(text)) {
    return new ComputeError('out-of-memory', 'The compute process could not allocate memory.', {
      retryable: true,
      hint: OUT_OF_MEMORY_HINT,
    });
  }
  if (killed) {
    return new ComputeError('lost-child', 'The compute process was killed (SIGKILL).', { retryable: true });
  }
  if (exit.signal !== null) {
    return new ComputeError('crashed', `The compute process crashed (${exit.signal}).`, { retryable: true });
  }
  return new ComputeError(
    'lost-child',
    `The compute process ended with exit code ${exit.code} and no result.`,
    { retryable: true },
  );
}
