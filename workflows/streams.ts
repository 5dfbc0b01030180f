import type { PointRequest } from '../activities/types.ts';
import { streamKey } from '../compiler/plan/key.ts';
import type { PlanStep, Point } from '../compiler/plan/types.ts';
import { MAX_TOGETHER } from './limits.ts';

/**
 * Which points of a sweep read the same data, so that a worker may compute them side by side (activities/streams.ts). Each
 * stays an activity of its own; all that the sweep does is to start those of one stream one after the other, and to say how
 * many there are.
 */
export class SweepStreams {
  /** In the order in which to start them. */
  readonly points: Point[];
  private readonly keys = new Map<string, string>();
  /** Points of a stream that are not decided. */
  private readonly left = new Map<string, Set<string>>();

  constructor(step: Pick<PlanStep, 'kind' | 'stream' | 'segment'>, points: readonly Point[]) {
    // Segments are workflows, whose activities come one after the other.
    const by = step.segment ? undefined : step.stream;
    if (by === undefined) {
      this.points = [...points];
      return;
    }
    const streams = new Map<string, Point[]>();
    for (const point of points) {
      const key = streamKey(step.kind, by, point);
      const members = streams.get(key);
      if (members) members.push(point);
      else streams.set(key, [point]);
      this.keys.set(point.id, key);
    }
    this.points = [...streams.values()].flat();
    for (const [key, members] of streams) this.left.set(key, new Set(members.map(({ id }) => id)));
  }

  decided(id: string): void {
    this.left.get(this.keys.get(id) ?? '')?.delete(id);
  }

  /** @param parallelism points in flight at once */
  of(point: Point, parallelism: number): PointRequest['stream'] {
    const key = this.keys.get(point.id);
    const points = Math.min(parallelism, MAX_TOGETHER, this.left.get(key ?? '')?.size ?? 0);
    return key === undefined || points < 2 ? undefined : { key, points };
  }
}
