/** A bounded number of permits, given out in the order in which they were asked for. */
export class Permits {
  private readonly queue: (() => void)[] = [];

  constructor(private free: number) {}

  /** Whether a permit can be had without waiting. */
  get available(): boolean {
    return this.free > 0;
  }

  /**
   * Waits for a permit; the caller gives it back by calling what this returns.
   * @throws the signal's reason when it is aborted while waiting
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.wait(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.queue.shift();
      if (next) next();
      else this.free += 1;
    };
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.queue.splice(this.queue.indexOf(give), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.queue.push(give);
    });
  }
}
