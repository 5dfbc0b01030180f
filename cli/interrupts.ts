/** A closed terminal and a polite kill are like Ctrl-C. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Thrown where work stops because the user asked for it. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/** Ctrl-C, counted from when this is made until it is closed. */
export class Interrupts {
  private readonly first = new AbortController();
  private count = 0;
  private wake: () => void = () => undefined;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.heard);
  }

  /** Aborted by the first one, with `Interrupted`. */
  get signal(): AbortSignal {
    return this.first.signal;
  }

  /** Whether a second one has come, or comes within so long. */
  async again(milliseconds: number): Promise<boolean> {
    if (this.count > 1) return true;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.heard);
  }

  private readonly heard = () => {
    this.count += 1;
    // Whatever it is that hangs, the user gets the prompt back.
    if (this.count > 3) process.exit(130);
    if (this.count === 1) this.first.abort(new Interrupted('interrupted'));
    else this.wake();
  };
}
