import { join } from 'node:path';
import type { KindDefinition } from '../compiler/kinds/types.ts';
import type { ChildOutcome, SuperviseOptions } from '../compute/supervise.ts';
import { TemporaryPaths } from '../store/atomic-file.ts';
import type { Json } from '../store/types.ts';
import { secretsIn } from './secrets.ts';
import { StreamGroup, workerBusy } from './stream-group.ts';
import type { PointHeartbeat, PointRequest } from './types.ts';

/** Of the machine's memory, what the points of one process may be estimated to need together. */
const ROOM = 0.6;

/** The place of one activity among those on its worker. */
export interface Seat {
  /** Computes its point, in one process with others of its stream if there are any: as `superviseChild`. */
  compute(options: SuperviseOptions): Promise<ChildOutcome>;
  /** Seconds of computing that fell to the point. */
  seconds(): number;
  /** Waits for the host's leave to compute. */
  permitted(acquire: (signal: AbortSignal) => Promise<() => void>, signal: AbortSignal): Promise<void>;
  leave(): void;
}

/** What an activity knows of its attempt. */
interface Arrival {
  taskQueue: string;
  attempt: number;
  heartbeatDetails: unknown;
}

interface Queue {
  slots: number;
  groups: Set<StreamGroup>;
  gathering: Map<string, { group: StreamGroup; bytes: number }>;
}

export interface StreamsOptions {
  /** The state directory of this host. */
  directory: string;
  /** Memory of this machine. */
  memoryBytes: number;
  kinds: ReadonlyMap<string, Pick<KindDefinition, 'estimate' | 'stream'>>;
}

/**
 * The points that a worker computes, in groups that share a process. Every point stays an activity of its own, with its own
 * heartbeats, retries, checkpoints and result; only where several that read the same data are on this worker at the same time,
 * they are computed side by side. A group is one unit of work: it takes one of the queue's slots, whatever its size.
 */
export class Streams {
  private readonly queues = new Map<string, Queue>();
  private readonly scratch: TemporaryPaths;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly options: StreamsOptions) {
    this.scratch = new TemporaryPaths(join(options.directory, 'work'));
  }

  /** Names how many units of work a queue takes at once; others are not counted here. */
  limit(taskQueue: string, slots: number): void {
    this.queue(taskQueue).slots = slots;
  }

  /** Activities that the queue may hand to this worker now. */
  room(taskQueue: string): number {
    const { slots, groups } = this.queue(taskQueue);
    return [...groups].reduce((sum, { further }) => sum + further, slots);
  }

  /** Whenever `room` may have changed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** @throws ApplicationFailure worker-busy, when it came in the place of another */
  enter(request: PointRequest, arrival: Arrival): Seat {
    const queue = this.queue(arrival.taskQueue);
    const { group } = this.groupFor(request, arrival, queue);
    group.enter();
    let computes = false;
    let left = false;
    return {
      compute(options) {
        computes = true;
        return group.compute(options);
      },
      seconds: () => group.seconds(),
      permitted: (acquire, signal) => group.permitted(acquire, signal),
      leave: () => {
        if (left) return;
        left = true;
        group.leave(computes);
        if (group.isEmpty) forget(queue, group);
        this.changed();
      },
    };
  }

  private groupFor(request: PointRequest, arrival: Arrival, queue: Queue): { group: StreamGroup } {
    const stream = isAlone(request, arrival) ? undefined : request.stream;
    const need = this.needOf(request);
    const found = stream && queue.gathering.get(stream.key);
    if (found && found.group.wanted > 0 && found.bytes + need.own <= this.memory) {
      found.bytes += need.own;
      return found;
    }
    if (queue.groups.size >= queue.slots) {
      for (const group of queue.groups) if (group.wanted > 0) group.strayed();
      throw workerBusy();
    }
    const fitting = 1 + Math.max(0, Math.floor((this.memory - need.all) / Math.max(1, need.own)));
    const group = new StreamGroup({
      expected: stream ? Math.min(stream.points, fitting) : 1,
      again: arrival.attempt > 1,
      scratch: this.scratch,
      onChange: () => this.changed(),
    });
    queue.groups.add(group);
    if (stream) queue.gathering.set(stream.key, { group, bytes: need.all });
    return { group };
  }

  private get memory(): number {
    return ROOM * this.options.memoryBytes;
  }

  /** Bytes that a point needs by itself, and in company. */
  private needOf({ kind: name, point }: PointRequest): { all: number; own: number } {
    const kind = this.options.kinds.get(name);
    if (!kind?.stream) return { all: 0, own: 0 };
    const all = kind.estimate(point.params as Record<string, Json>).memoryBytes;
    return { all, own: Math.max(0, all - kind.stream.sharedBytes) };
  }

  private queue(taskQueue: string): Queue {
    const found = this.queues.get(taskQueue);
    if (found) return found;
    const made = { slots: Number.POSITIVE_INFINITY, groups: new Set<StreamGroup>(), gathering: new Map() };
    this.queues.set(taskQueue, made);
    return made;
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}

function forget({ groups, gathering }: Queue, group: StreamGroup): void {
  groups.delete(group);
  for (const [key, entry] of gathering) if (entry.group === group) gathering.delete(key);
}

/** Secrets are in the environment of a process: no other point may see them. */
function isAlone({ secrets, point }: PointRequest, { heartbeatDetails }: Arrival): boolean {
  const { alone } = (heartbeatDetails ?? {}) as Partial<PointHeartbeat>;
  return alone === true || secrets.length > 0 || secretsIn(point.params as Json).length > 0;
}
