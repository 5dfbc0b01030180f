import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { Point, PointError, PointState } from '../compiler/plan/types.ts';
import { DecisionLog } from './decisions.ts';
import { pointError } from './failure.ts';
import { historyIsFull, MAX_IN_FLIGHT } from './limits.ts';
import type { Control, DecidedPoint } from './types.ts';

interface InFlight {
  point: Point;
  scope: CancellationScope;
  /** Why its scope was cancelled by us. */
  stopped?: 'pause' | 'cancel';
}

export interface PoolOptions {
  /** Ready to run, in the order in which to start them. */
  points: Point[];
  /** Points that have become ready since it was last asked: it is asked whenever more could start. */
  more?(): Point[];
  run(point: Point): Promise<DecidedPoint>;
  parallelism: number;
  paused: boolean;
  /** Points decided by an earlier run of the same sweep. */
  decided?: DecidedPoint[];
  /** Events that a point adds to this workflow's history. */
  eventsPerPoint: number;
  /** Once so many points have failed, those that wait fail too, and are not started. */
  failureLimit?: number | undefined;
  /** In flight at once, whatever the parallelism of the run. */
  concurrency?: number | undefined;
  /** Called after every decision. */
  onDecision?(decision: DecidedPoint): void;
}

/**
 * Runs points, a bounded number at a time. Every point ends with exactly one decision; two points with the same key are
 * never in flight together, so the second finds the first one's result.
 */
export class PointPool {
  readonly log = new DecisionLog();
  private readonly decided = new Map<string, DecidedPoint>();
  private readonly inFlight = new Map<string, InFlight>();
  private readonly keysInFlight = new Set<string>();
  private readonly points: Point[];
  private waiting: Point[];
  private parallelism: number;
  private paused: boolean;
  private full = false;
  private started = 0;
  private changed = false;
  /** A defect of ours: thrown by `run`, since nothing else waits for the promise in which it arose. */
  private broken: { error: unknown } | undefined;

  constructor(private readonly options: PoolOptions) {
    this.parallelism = options.parallelism;
    this.paused = options.paused;
    for (const decision of options.decided ?? []) {
      this.decided.set(decision.state.id, decision);
      this.log.add(decision);
    }
    this.points = [...options.points];
    this.waiting = this.points.filter((point) => !this.decided.has(point.id));
  }

  /** Returns when every point is decided, or when the history is full and nothing is in flight: see `finished`. */
  async run(): Promise<void> {
    try {
      for (;;) {
        this.fill();
        if (this.inFlight.size === 0 && (this.waiting.length === 0 || this.full)) return;
        this.changed = false;
        await condition(() => this.changed);
        if (this.broken) throw this.broken.error;
      }
    } catch (error) {
      // Points that were told to stop are still saving what they have.
      await CancellationScope.nonCancellable(() => condition(() => this.inFlight.size === 0));
      throw error;
    }
  }

  get finished(): boolean {
    return this.waiting.length === 0 && this.inFlight.size === 0;
  }

  /** In the order in which points were given. */
  get decisions(): DecidedPoint[] {
    return this.points.flatMap((point) => this.decided.get(point.id) ?? []);
  }

  get settings(): { parallelism: number; paused: boolean } {
    return { parallelism: this.parallelism, paused: this.paused };
  }

  get running(): string[] {
    return [...this.inFlight.keys()];
  }

  state(point: string): PointState | 'waiting' | 'running' | undefined {
    if (this.inFlight.has(point)) return 'running';
    if (this.waiting.some(({ id }) => id === point)) return 'waiting';
    return this.decided.get(point)?.state;
  }

  control(control: Control): void {
    this.changed = true;
    switch (control.do) {
      case 'pause':
        this.paused = true;
        for (const entry of this.inFlight.values()) this.stop(entry, 'pause');
        return;
      case 'resume':
        this.paused = false;
        return;
      case 'parallelism':
        this.parallelism = Math.min(control.value, MAX_IN_FLIGHT);
        return;
      case 'cancel':
        this.cancel(control.point);
        return;
      case 'retry':
        this.retry(control.point);
        return;
    }
  }

  private cancel(id: string): void {
    const entry = this.inFlight.get(id);
    if (entry) this.stop(entry, 'cancel');
    const point = this.waiting.find((waiting) => waiting.id === id);
    if (!point) return;
    this.waiting = this.waiting.filter((waiting) => waiting !== point);
    this.fail(point, CANCELLED);
  }

  private retry(id: string): void {
    const point = this.points.find((candidate) => candidate.id === id);
    if (!point || this.decided.get(id)?.state.status !== 'failed') return;
    this.decided.delete(id);
    this.waiting.push(point);
  }

  private stop(entry: InFlight, why: 'pause' | 'cancel'): void {
    // Cancelling outweighs pausing: a paused point would come back.
    if (entry.stopped !== 'cancel') entry.stopped = why;
    entry.scope.cancel();
  }

  private fill(): void {
    if (this.paused) {
      this.full ||= historyIsFull(this.inFlight.size * this.options.eventsPerPoint);
      return;
    }
    if (!this.full) this.take(this.options.more?.() ?? []);
    this.stopAtLimit();
    while (!this.full && this.inFlight.size < this.most) {
      const index = this.waiting.findIndex(({ key }) => !this.keysInFlight.has(key));
      if (index < 0) return;
      // At least one a run, or a sweep could hand over for ever.
      this.full = this.started > 0 && historyIsFull((this.inFlight.size + 1) * this.options.eventsPerPoint);
      if (this.full) return;
      this.start(this.waiting.splice(index, 1)[0]!);
    }
  }

  private get most(): number {
    return Math.min(this.parallelism, this.options.concurrency ?? Number.POSITIVE_INFINITY);
  }

  /** A point that failed because another did says nothing about the step. */
  private get failures(): number {
    return [...this.decided.values()].filter(
      ({ state }) => state.status === 'failed' && !CONSEQUENCES.has(state.error.code),
    ).length;
  }

  private stopAtLimit(): void {
    const { failureLimit, more } = this.options;
    if (failureLimit === undefined) return;
    while (this.waiting.length > 0 && this.failures >= failureLimit) {
      for (const point of this.waiting.splice(0)) this.fail(point, notStarted(failureLimit));
      if (!this.full) this.take(more?.() ?? []);
    }
  }

  private take(points: readonly Point[]): void {
    this.points.push(...points);
    this.waiting.push(...points.filter((point) => !this.decided.has(point.id)));
  }

  private start(point: Point): void {
    const scope = new CancellationScope();
    const entry: InFlight = { point, scope };
    this.started += 1;
    this.inFlight.set(point.id, entry);
    this.keysInFlight.add(point.key);
    scope
      .run(() => this.options.run(point))
      .then(
        (decision) => this.settle(entry, () => this.decide(decision)),
        (error) => this.settle(entry, () => this.ended(entry, error)),
      )
      .catch((error) => {
        this.broken = { error };
        this.changed = true;
      });
  }

  private settle({ point }: InFlight, then: () => void): void {
    this.inFlight.delete(point.id);
    this.keysInFlight.delete(point.key);
    this.changed = true;
    then();
  }

  private ended({ point, stopped }: InFlight, error: unknown): void {
    if (!isCancellation(error)) this.fail(point, pointError(error));
    else if (stopped === 'cancel') this.fail(point, CANCELLED);
    // Paused, or the whole run is being cancelled and `run` rejects: either way it is not decided.
    else this.waiting.unshift(point);
  }

  private fail(point: Point, error: PointError): void {
    const { id, key, axes, seed } = point;
    this.decide({
      state: { status: 'failed', id, key, axes, seed, error },
      at: Date.now(),
      seconds: 0,
      dollars: 0,
    });
  }

  private decide(decision: DecidedPoint): void {
    this.decided.set(decision.state.id, decision);
    this.log.add(decision);
    this.options.onDecision?.(decision);
  }
}

const CONSEQUENCES = new Set(['not-started', 'cancelled', 'blocked']);

function notStarted(limit: number): PointError {
  return {
    code: 'not-started',
    message: `Not started: ${limit === 1 ? 'a point' : `${limit} points`} of its step failed.`,
    hint: 'Mend those; `plumb rerun --failed` runs this one as well. `on-failure` of the step says when to stop.',
  };
}

const CANCELLED: PointError = {
  code: 'cancelled',
  message: 'It was cancelled.',
  hint: '`plumb rerun --failed` runs it after all.',
};
