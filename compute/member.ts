import type { ChildOutcome, MemberOptions } from './supervise.ts';

/** One of the attempts of a child process, as its parent sees it. */
export class Member {
  readonly outcome: Promise<ChildOutcome>;
  stopping = false;
  isStoring = false;
  isSettled = false;
  storing: Promise<void> = Promise.resolve();
  private said: { what: unknown } | null = null;
  private resolve!: (outcome: ChildOutcome) => void;
  private reject!: (error: unknown) => void;
  private readonly timers = new Set<NodeJS.Timeout>();
  private abort: (() => void) | null = null;

  constructor(readonly options: MemberOptions) {
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Whether it has said its last word, or it was said for it. */
  get isOver(): boolean {
    return this.said !== null;
  }

  onAbort(stop: () => void): void {
    const { signal } = this.options;
    this.abort = stop;
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  }

  beginStoring(): void {
    this.isStoring = true;
    this.clearTimers();
  }

  after(milliseconds: number, action: () => void): void {
    this.timers.add(setTimeout(action, milliseconds));
  }

  /** @param what an outcome, or else an error */
  end(what: ChildOutcome | unknown): void {
    this.said ??= { what };
    this.clearTimers();
    if (this.abort !== null) this.options.signal.removeEventListener('abort', this.abort);
  }

  /** @param otherwise what the end of the process means, for an attempt that said nothing */
  settle(otherwise: () => unknown = () => undefined): void {
    if (!this.isOver) this.end(this.stopping ? ({ type: 'stopped' } satisfies ChildOutcome) : otherwise());
    this.isSettled = true;
    const { what } = this.said as { what: unknown };
    if (isOutcome(what)) this.resolve(what);
    else this.reject(what);
  }

  private clearTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}

function isOutcome(what: unknown): what is ChildOutcome {
  return typeof what === 'object' && what !== null && !(what instanceof Error) && 'type' in what;
}
