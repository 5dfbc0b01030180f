import { mkdir, rm } from 'node:fs/promises';
import { ApplicationFailure } from '@temporalio/common';
import {
  type ChildOutcome,
  type SuperviseOptions,
  superviseChild,
  superviseGroup,
} from '../compute/supervise.ts';
import { ComputeError } from '../compute/types.ts';
import type { TemporaryPaths } from '../store/atomic-file.ts';

/** A group does not wait longer for the next of its points; after a failure they come back one by one. */
const QUIET_MS = { first: 1_000, retry: 10_000 };
/** Points that are here but not ready (one waits for another run, say) are waited for so long. */
const READY_MS = 60_000;
/** So many points that do not belong to it may come while it waits, since each must be sent back. */
const MAX_STRAYS = 3;

/** Nothing happened to the point: the workflow schedules it again, for whichever host is free. */
export function workerBusy(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'worker-busy',
    nonRetryable: true,
    message: 'This host has just begun to compute something else.',
  });
}

/**
 * What ended the process of several points says nothing about any one of them, though one may be the cause: each is tried
 * again, and this time by itself.
 */
export class BroughtDownError extends ComputeError {}

/** Failures of a process, or for want of its memory, which need not be the fault of the point that meets them. */
const NOT_ITS_OWN = new Set(['out-of-memory', 'crashed', 'stalled']);

export interface GroupOptions {
  /** Points that may come, this worker's room considered. */
  expected: number;
  /** Whether its first point has been tried before. */
  again: boolean;
  scratch: TemporaryPaths;
  /** Called whenever it takes more or fewer points. */
  onChange(): void;
}

/** The activities on this worker whose points are computed in one process; mostly it is one. */
export class StreamGroup {
  private expected: number;
  private present = 0;
  private strays = 0;
  private closed = false;
  private departed = false;
  private impatient = false;
  private ready: { options: SuperviseOptions; settle: (outcome: Promise<ChildOutcome>) => void }[] = [];
  private quiet: NodeJS.Timeout | undefined;
  private tooLate: NodeJS.Timeout | undefined;
  private size = 0;
  private readonly clock = { seconds: 0, at: 0, active: 0 };
  private permit: Promise<void> | undefined;
  private release: (() => void) | undefined;
  private readonly empty = new AbortController();

  constructor(private readonly options: GroupOptions) {
    this.expected = options.expected;
  }

  /** Slots that it takes beyond its first, and those that it still hopes to fill. */
  get further(): number {
    return Math.max(0, this.present - 1) + this.wanted;
  }

  get wanted(): number {
    return this.closed ? 0 : Math.max(0, this.expected - this.present);
  }

  get isEmpty(): boolean {
    return this.present === 0;
  }

  enter(): void {
    this.present += 1;
    clearTimeout(this.quiet);
    if (this.wanted === 0) this.close();
    else {
      const wait = this.options.again ? QUIET_MS.retry : QUIET_MS.first;
      this.quiet = setTimeout(() => this.close(), wait);
    }
    clearTimeout(this.tooLate);
    this.tooLate = setTimeout(() => {
      this.impatient = true;
      this.departIfReady();
    }, READY_MS);
    this.options.onChange();
  }

  /** A point that does not belong to it has come in the place of one that does. */
  strayed(): void {
    this.strays += 1;
    if (this.strays >= MAX_STRAYS) this.close();
  }

  /** @param entered whether it had handed its point to `compute` */
  leave(entered: boolean): void {
    this.present -= 1;
    if (!entered) {
      this.expected -= 1;
      this.departIfReady();
    }
    if (this.isEmpty) {
      clearTimeout(this.quiet);
      clearTimeout(this.tooLate);
      this.closed = true;
      this.empty.abort();
      this.release?.();
    }
    this.options.onChange();
  }

  /** Waits for the host's leave to compute, which all points of the group have together. */
  async permitted(acquire: (signal: AbortSignal) => Promise<() => void>, signal: AbortSignal): Promise<void> {
    this.permit ??= acquire(this.empty.signal).then((release) => {
      if (this.isEmpty) release();
      else this.release = release;
    });
    this.permit.catch(() => undefined);
    await Promise.race([this.permit, aborted(signal)]);
  }

  /** Computes a point, together with the others of the group: as `superviseChild`. */
  async compute(options: SuperviseOptions): Promise<ChildOutcome> {
    if (this.departed) throw workerBusy();
    const outcome = new Promise<ChildOutcome>((resolve) => {
      this.ready.push({ options, settle: resolve });
    });
    this.departIfReady();
    try {
      const found = await outcome;
      if (found.type !== 'result' || this.size === 1) return found;
      return { ...found, usage: { ...found.usage, points: this.size } };
    } catch (error) {
      if (this.size === 1 || !(error instanceof ComputeError) || !NOT_ITS_OWN.has(error.code)) throw error;
      const hint = `${error.options.hint ?? ''} It ran together with ${this.size - 1} others; now it is tried alone.`;
      throw new BroughtDownError(error.code, error.message, { retryable: true, hint: hint.trim() });
    }
  }

  /** Seconds of computing so far that fall to each point that is still at work: time is shared equally. */
  seconds(): number {
    this.tick(0);
    return this.clock.seconds;
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onChange();
    this.departIfReady();
  }

  private departIfReady(): void {
    if (!this.closed || this.departed || this.ready.length === 0) return;
    if (this.ready.length === this.present || this.impatient) this.depart();
  }

  private depart(): void {
    clearTimeout(this.quiet);
    clearTimeout(this.tooLate);
    this.closed = this.departed = true;
    this.options.onChange();
    const { ready } = this;
    this.ready = [];
    this.size = ready.length;
    this.clock.at = performance.now();
    const outcomes = this.start(ready.map(({ options }) => options));
    this.tick(ready.length);
    for (const [i, { settle }] of ready.entries()) {
      const outcome = outcomes[i] as Promise<ChildOutcome>;
      const over = () => this.tick(-1);
      outcome.then(over, over);
      settle(outcome);
    }
  }

  private start(members: SuperviseOptions[]): Promise<ChildOutcome>[] {
    const [first, ...others] = members as [SuperviseOptions, ...SuperviseOptions[]];
    if (others.length === 0) return [superviseChild(first)];
    for (const { job, onLog } of members) {
      const mates = members.map((member) => member.job.point).filter((point) => point !== job.point);
      onLog(`In one process with ${mates.join(', ')}.`);
    }
    const started = this.startTogether(first, members);
    return members.map(async (_, i) => (await started)[i] as Promise<ChildOutcome>);
  }

  /** In a directory that outlives each of them. */
  private async startTogether(
    { entry, environment }: SuperviseOptions,
    members: SuperviseOptions[],
  ): Promise<Promise<ChildOutcome>[]> {
    const directory = await this.options.scratch.path();
    await mkdir(directory, { recursive: true });
    const outcomes = superviseGroup(
      { entry, directory, environment: { ...environment, TMPDIR: directory } },
      members,
    );
    void Promise.allSettled(outcomes).then(() =>
      rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined),
    );
    return outcomes;
  }

  private tick(change: number): void {
    const { clock } = this;
    const now = performance.now();
    if (clock.active > 0) clock.seconds += (now - clock.at) / 1000 / clock.active;
    clock.at = now;
    clock.active += change;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
