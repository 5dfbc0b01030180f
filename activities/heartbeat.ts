import type { PointHeartbeat } from './types.ts';

/** `rate` is taken over so long. */
const RATE_MS = 30_000;
const MOST_METRICS = 24;

/**
 * The heartbeats of one attempt. Each piece of real progress sends one; between two the last one is repeated, so that a lost
 * worker is noticed within seconds although single steps may take minutes. Without any real progress for the stall time the
 * repeating ends, and with it the attempt, whatever it is that hangs.
 */
export class Heartbeats {
  private details: PointHeartbeat;
  private samples: { at: number; done: number }[] = [];
  private movedAt = performance.now();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly send: (details: PointHeartbeat) => void,
    options: { everyMs: number; stallMs: number; previous: PointHeartbeat | null },
  ) {
    this.details = options.previous ?? { done: 0, total: 0, metrics: {}, checkpointStep: null, rate: 0 };
    this.details = { ...this.details, rate: 0 };
    this.timer = setInterval(() => {
      if (performance.now() - this.movedAt < options.stallMs) this.send(this.details);
    }, options.everyMs);
    this.timer.unref();
    this.send(this.details);
  }

  /** The child did so much. */
  progress(done: number, total: number, metrics: Record<string, number>): void {
    const at = performance.now();
    if (this.samples.length > 0 && done < (this.samples.at(-1)?.done ?? 0)) this.samples = []; // A new phase counts anew.
    this.samples.push({ at, done });
    while (this.samples.length > 2 && at - (this.samples[0]?.at ?? at) > RATE_MS) this.samples.shift();
    const kept = Object.fromEntries(Object.entries(metrics).slice(0, MOST_METRICS));
    this.details = {
      ...this.details,
      done,
      total,
      metrics: Object.keys(kept).length > 0 ? kept : this.details.metrics,
      rate: this.rate(),
    };
    this.moved();
  }

  checkpoint(step: number): void {
    this.details = { ...this.details, checkpointStep: step };
    this.moved();
  }

  /** The next attempt shall be by itself. */
  alone(): void {
    this.details = { ...this.details, alone: true };
    this.send(this.details);
  }

  /** Something else was done: a file stored, an input fetched. */
  moved(): void {
    this.movedAt = performance.now();
    this.send(this.details);
  }

  get last(): PointHeartbeat {
    return this.details;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private rate(): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < 1) return 0;
    return Number(((1000 * (last.done - first.done)) / (last.at - first.at)).toPrecision(4));
  }
}
