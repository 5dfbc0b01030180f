import { setTimeout as sleep } from 'node:timers/promises';
import { type Attempt, type AttemptRecord, beginAttempt, newestAttempt } from '../store/checkpoints.ts';
import { livenessOf } from '../store/process-identity.ts';
import type { Digest, Store } from '../store/types.ts';

export interface TurnOptions {
  store: Store;
  key: Digest;
  /** This activity, over its retries. */
  execution: string;
  /** Another attempt that shows no progress for so long is given up. */
  stallSeconds: number;
  signal: AbortSignal;
  /** The other attempt went on. */
  onProgress(): void;
  log(line: string): void;
  pollMs?: number;
}

/**
 * Begins an attempt, after waiting while another activity works on the same key (two runs can need the same point), so that
 * it is computed once. An earlier attempt of this same activity is not waited for: Temporal has given it up. Neither is one
 * that has ended, died, or shown no progress for `stallSeconds`. Rejects when the signal is aborted.
 */
export async function takeTurn(options: TurnOptions): Promise<Attempt> {
  const { store, key, execution, signal, pollMs = 1000 } = options;
  let other = null as { seen: string; at: number } | null;
  for (;;) {
    signal.throwIfAborted();
    const newest = await newestAttempt(store, key);
    const { record } = newest;
    const free = record === null || record.state !== 'working' || record.execution === execution;
    if (free || livenessOf(record.process) === 'dead' || isStalled(other, record, options)) {
      const attempt = await beginAttempt(store, key, execution, newest);
      if (attempt !== null) return attempt;
      continue;
    }
    const seen = signOfLife(record);
    if (other?.seen !== seen) {
      if (other === null)
        options.log(`Another run computes this point (${record.execution}); waiting for its result.`);
      else options.onProgress();
      other = { seen, at: performance.now() };
    }
    await sleep(pollMs, undefined, { signal });
  }
}

/** By our own clock: those of two hosts need not agree. */
function isStalled(
  other: { seen: string; at: number } | null,
  record: AttemptRecord,
  { stallSeconds, log }: TurnOptions,
): boolean {
  if (other?.seen !== signOfLife(record)) return false;
  const stalled = performance.now() - other.at > stallSeconds * 1000;
  if (stalled) log('The other run shows no progress: taking over.');
  return stalled;
}

function signOfLife({ attempt, beats }: AttemptRecord): string {
  return `${attempt}/${beats}`;
}
