import { Context } from '@temporalio/activity';
import type { Seat, Streams } from '../activities/streams.ts';
import type { PointHeartbeat, PointOutcome, PointRequest } from '../activities/types.ts';
import type { Store } from '../store/types.ts';
import type { RunEnd } from '../workflows/types.ts';
import type { PointMetrics } from './metrics.ts';
import { Permits } from './permits.ts';
import { recompute } from './recompute.ts';
import { recordRunEnd } from './runs.ts';

export type PointActivity = (request: PointRequest, seat: Seat) => Promise<PointOutcome>;

const WAITING_BEAT_MS = 5_000;

/**
 * The activities of the kinds, as this host offers them: within its number of compute children, points that read the same
 * data side by side in one of them, and able to recompute.
 * @param activitiesFor the kinds' activities over a given store, by kind
 */
export function hostActivities(
  store: Store,
  children: number,
  streams: Streams,
  metrics: PointMetrics,
  activitiesFor: (store: Store) => Record<string, PointActivity>,
): Record<string, (request: PointRequest) => Promise<PointOutcome>> {
  const permits = new Permits(children);
  const usual = activitiesFor(store);
  const seated = async (request: PointRequest, kind: string, activity: PointActivity) => {
    const seat = streams.enter(request, Context.current().info);
    try {
      await takePermit(permits, seat);
      if (!request.recompute) return await activity(request, seat);
      return await recompute(store, request, (apart) => activitiesFor(apart)[kind]!(request, seat));
    } finally {
      seat.leave();
    }
  };
  return Object.fromEntries(
    Object.entries(usual).map(([kind, activity]) => [
      kind,
      async (request: PointRequest) => {
        const ended = metrics.begin(kind, Context.current().info);
        try {
          const outcome = await seated(request, kind, activity);
          ended({ outcome });
          return outcome;
        } catch (error) {
          ended({ error });
          throw error;
        }
      },
    ]),
  );
}

/** Heartbeats while it waits, so that a point in the queue is not taken for one whose worker was lost. */
async function takePermit(permits: Permits, seat: Seat): Promise<void> {
  const { cancellationSignal, heartbeat } = Context.current();
  const permitted = seat.permitted((signal) => permits.acquire(signal), cancellationSignal);
  const waiting: PointHeartbeat = { done: 0, total: 0, metrics: {}, checkpointStep: null, rate: 0 };
  const beat = setInterval(() => heartbeat(waiting), WAITING_BEAT_MS);
  try {
    await permitted;
  } finally {
    clearInterval(beat);
  }
}

/** What workflows ask of their own worker: never to compute. */
export function workflowActivities(store: Store): { recordRunEnd(end: RunEnd): Promise<void> } {
  return {
    async recordRunEnd(end) {
      await recordRunEnd(store, Context.current().info.workflowExecution!.workflowId, end);
    },
  };
}
