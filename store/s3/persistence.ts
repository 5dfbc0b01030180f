import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Tries in all. */
  tries: number;
  /** Before the second one; doubled each time, up to `longestMs`. */
  firstMs: number;
  longestMs: number;
}

/** Long enough for a server to be restarted: some 25 s. */
export const PATIENCE: Patience = { tries: 9, firstMs: 100, longestMs: 8000 };

/** A server that asks for more is not waited for: the caller may have better to do. */
const LONGEST_ASKED_S = 30;

/**
 * Tries until it succeeds, fails for good, or the patience ends. Waits grow, and are drawn between half and the whole so that
 * many clients of one server do not come back at once.
 */
export async function persistently<T>(
  patience: Patience,
  operation: (tries: number) => Promise<T>,
  onFailure: (error: unknown, tries: number) => { error: Error; again: boolean; afterSeconds: number | null },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await operation(tries);
    } catch (thrown) {
      const { error, again, afterSeconds } = onFailure(thrown, tries);
      if (!again || tries >= patience.tries || (afterSeconds ?? 0) > LONGEST_ASKED_S) throw error;
      const wait = Math.min(patience.longestMs, patience.firstMs * 2 ** (tries - 1));
      await sleep(Math.max((afterSeconds ?? 0) * 1000, wait * (0.5 + Math.random() / 2)));
    }
  }
}
