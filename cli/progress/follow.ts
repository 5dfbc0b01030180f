import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowFailedError } from '@temporalio/client';
import type { ExperimentResult } from '../../workflows/types.ts';
import { isTransient } from '../errors.ts';
import type { Display } from './display.ts';
import { type RunStatus, takeSnapshot } from './snapshot.ts';

export interface RunOutcome {
  status: RunStatus;
  /** Null when the run ended without one: cancelled, terminated, or a defect. */
  result: ExperimentResult | null;
  /** Why there is no result. */
  why: string | null;
}

const LOOK_MS = 700;
/** Looks without an answer until the user is told. */
const PATIENCE = 8;

/**
 * Shows a run until it ends; server and worker may come and go meanwhile.
 * @throws the signal's reason when it is aborted
 */
export async function follow(
  /** Read anew for each look: its client changes when the server moves. */
  session: { readonly client: Client },
  runId: string,
  display: Display,
  signal: AbortSignal,
): Promise<RunOutcome> {
  let silent = 0;
  for (;;) {
    signal.throwIfAborted();
    const snapshot = await takeSnapshot(session.client, runId);
    if (snapshot) {
      silent = 0;
      display.show(snapshot);
      if (snapshot.status !== 'RUNNING') return await outcome(session, runId, snapshot.status);
    } else {
      silent += 1;
      if (silent === PATIENCE) display.say('Temporal or its worker does not answer; still trying.');
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function outcome(
  session: { readonly client: Client },
  runId: string,
  status: RunStatus,
): Promise<RunOutcome> {
  for (;;) {
    try {
      const result = (await session.client.workflow.result(runId)) as ExperimentResult;
      return { status, result, why: null };
    } catch (error) {
      if (isTransient(error)) {
        await sleep(LOOK_MS);
        continue;
      }
      const cause = (error as WorkflowFailedError).cause as (Error & { details?: unknown[] }) | undefined;
      const result = (cause?.details?.[0] ?? null) as ExperimentResult | null;
      return { status, result, why: result ? null : (cause?.message ?? (error as Error).message) };
    }
  }
}
