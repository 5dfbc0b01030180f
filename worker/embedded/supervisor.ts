import { setTimeout as sleep } from 'node:timers/promises';
import type { Embedded } from './embedded.ts';
import type { EmbeddedServer } from './server.ts';

const LOOK_MS = 1_000;
const BACKOFF_MS = [0, 1_000, 2_000, 5_000, 10_000, 30_000];
/** Deaths in a row after which it is not worth going on. */
const GIVE_UP = 8;
/** After so long without one, a death is the first again. */
const STEADY_MS = 60_000;

/**
 * Keeps the embedded server and worker running while a command is attached: what dies is started again, with growing
 * pauses while it keeps dying.
 */
export class Supervisor {
  private readonly stopping = new AbortController();
  private readonly gaveUp = new AbortController();
  private readonly done: Promise<void>;

  constructor(
    private readonly embedded: Embedded,
    /** As it runs now. */
    private server: EmbeddedServer,
    public say: (line: string) => void,
    /** Called when the server had to come back at another address: while it was down another program took its port. */
    private readonly moved: (server: EmbeddedServer) => Promise<void>,
  ) {
    this.done = this.watch();
  }

  /** Aborted when they cannot be kept alive, with the reason. */
  get givenUp(): AbortSignal {
    return this.gaveUp.signal;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async watch(): Promise<void> {
    let failures = 0;
    let restartedAt = 0;
    while (await this.pause(LOOK_MS)) {
      if (this.embedded.runs(this.server)) {
        if (Date.now() - restartedAt > STEADY_MS) failures = 0;
        continue;
      }
      this.say('The server or the worker has died; starting it again. Points go on from their checkpoints.');
      if (!(await this.pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)]!))) return;
      failures += 1;
      restartedAt = Date.now();
      try {
        const server = await this.embedded.ensure();
        if (server.address !== this.server.address) {
          await this.moved(server);
          this.say(
            `Another program took the server's port meanwhile; its web UI is at ${server.uiAddress} now.`,
          );
        }
        this.server = server;
      } catch (error) {
        if (failures >= GIVE_UP) return this.gaveUp.abort(error);
        this.say(`That failed: ${(error as Error).message}`);
      }
    }
  }

  /** @returns false when it is time to stop */
  private async pause(milliseconds: number): Promise<boolean> {
    try {
      await sleep(milliseconds, undefined, { signal: this.stopping.signal });
      return true;
    } catch {
      return false;
    }
  }
}
