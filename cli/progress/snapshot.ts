import type { Client } from '@temporalio/client';
import type { PointHeartbeat } from '../../activities/types.ts';
import type { Progress, StepProgress } from '../../workflows/types.ts';
import { isTransient } from '../errors.ts';
import { together } from '../together.ts';
import { failureOf, heartbeatOf } from './pending.ts';

/** A run at one moment, put together from what its workflows and its running activities say. */
export interface Snapshot {
  at: number;
  status: RunStatus;
  paused: boolean;
  startedAt: number;
  steps: StepSnapshot[];
}

export type RunStatus = 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'TERMINATED' | 'TIMED_OUT';

export interface StepSnapshot extends StepProgress {
  /** Points that a worker is computing now. */
  active: ActivePoint[];
}

export interface ActivePoint {
  point: string;
  attempt: number;
  heartbeat: PointHeartbeat | null;
  /** Why the attempt before failed. */
  lastFailure: string | null;
}

const ANSWER_MS = 5_000;

/**
 * @returns null while the server or the worker does not answer
 * @throws when the run is unknown
 */
export async function takeSnapshot(client: Client, runId: string): Promise<Snapshot | null> {
  try {
    return await client.connection.withDeadline(Date.now() + ANSWER_MS, async () => {
      const run = client.workflow.getHandle(runId);
      const [description, progress] = await together([run.describe(), run.query<Progress>('progress')]);
      const own = await pendingOf(client, description.raw);
      const steps = await together(progress.steps.map((step) => lookCloser(client, step, own)));
      return {
        at: Date.now(),
        status: (description.status.name === 'CONTINUED_AS_NEW'
          ? 'RUNNING'
          : description.status.name) as RunStatus,
        paused: progress.paused,
        startedAt: progress.startedAt,
        steps,
      };
    });
  } catch (error) {
    if (isTransient(error)) return null;
    throw error;
  }
}

async function lookCloser(client: Client, step: StepProgress, own: ActivePoint[]): Promise<StepSnapshot> {
  if (step.status !== 'running') return { ...step, active: [] };
  const closer = step.sweep === null ? null : await sweepProgress(client, step.sweep);
  const { sweep, trainings } = closer ?? step;
  const active = await together([...(sweep ? [sweep] : []), ...trainings].map((id) => pendingIn(client, id)));
  return {
    ...step,
    ...closer,
    recent: [...step.recent, ...(closer?.recent ?? [])],
    active: [...own.filter(({ point }) => point.split('[')[0] === step.step), ...active.flat()],
  };
}

async function sweepProgress(client: Client, id: string): Promise<StepProgress | null> {
  try {
    const progress = await client.workflow.getHandle(id).query<Progress>('progress');
    return progress.steps[0] ?? null;
  } catch (error) {
    // It may have just been started, or just ended.
    if (isTransient(error)) throw error;
    return null;
  }
}

async function pendingIn(client: Client, id: string): Promise<ActivePoint[]> {
  try {
    return await pendingOf(client, (await client.workflow.getHandle(id).describe()).raw);
  } catch (error) {
    if (isTransient(error)) throw error;
    return [];
  }
}

type Raw = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>['raw'];

/** temporal.api.enums.v1.PendingActivityState */
const STARTED = 2;

/** What a worker has in hand. Activities carry their point's id as theirs. */
async function pendingOf(client: Client, raw: Raw): Promise<ActivePoint[]> {
  const started = (raw.pendingActivities ?? []).filter(({ state }) => state === STARTED);
  return await Promise.all(
    started.map(async (activity) => ({
      point: activity.activityId ?? '?',
      attempt: activity.attempt ?? 1,
      heartbeat: await heartbeatOf(client, activity),
      lastFailure: await failureOf(client, activity),
    })),
  );
}
