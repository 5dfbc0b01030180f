import type { ActivitySlotInfo, CustomSlotSupplier, WorkerTuner } from '@temporalio/worker';
import type { Streams } from '../activities/streams.ts';

/**
 * The slots of a queue whose points may share a process: `count` units of work, and as many more as the groups among them
 * have, or hope for. So a host takes further points only where they join what it is about to compute, and leaves all others
 * to hosts that are free.
 */
export function streamTuner(streams: Streams, taskQueue: string, count: number): WorkerTuner {
  streams.limit(taskQueue, count);
  const fixed = { type: 'fixed-size', numSlots: 1 } as const;
  return {
    workflowTaskSlotSupplier: fixed,
    activityTaskSlotSupplier: new StreamSlots(streams, taskQueue),
    localActivityTaskSlotSupplier: fixed,
    nexusTaskSlotSupplier: fixed,
  };
}

class StreamSlots implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom';
  /** Given out: to a poll that waits for a task, or to an activity. */
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly streams: Streams,
    private readonly taskQueue: string,
  ) {
    streams.onChange(() => this.give());
  }

  async reserveSlot(_context: unknown, abortSignal: AbortSignal): Promise<object> {
    await new Promise<void>((resolve, reject) => {
      const grant = () => {
        abortSignal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        const at = this.waiting.indexOf(grant);
        if (at >= 0) this.waiting.splice(at, 1);
        reject(abortSignal.reason);
      };
      abortSignal.addEventListener('abort', leave, { once: true });
      this.waiting.push(grant);
      this.give();
    });
    return {};
  }

  /** Of eager activities, which come without a poll: there are none on these queues. */
  tryReserveSlot(): null {
    return null;
  }

  markSlotUsed(): void {
    // It stays taken.
  }

  releaseSlot(): void {
    this.taken -= 1;
    this.give();
  }

  private give(): void {
    while (this.waiting.length > 0 && this.taken < this.streams.room(this.taskQueue)) {
      this.taken += 1;
      this.waiting.shift()?.();
    }
  }
}
