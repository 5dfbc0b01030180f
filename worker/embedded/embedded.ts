import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { livenessOf, type ProcessIdentity, thisProcess } from '../../store/process-identity.ts';
import { readJson, writeJson } from './json-file.ts';
import { type EmbeddedLayout, embeddedLayout, type ServerFile } from './layout.ts';
import { withLock } from './lock.ts';
import { endProcess, isAlive } from './processes.ts';
import { answers, type EmbeddedServer, findServer, startServer, stopServer } from './server.ts';
import { findWorker, startWorker, stopWorker, whyUnfit } from './worker.ts';

export interface EmbeddedOptions {
  /** The state directory. */
  directory: string;
  store: string;
  /** Queues beyond the usual ones that the worker must serve. */
  queues: string[];
  /** What is done, for people: one line each. */
  say(line: string): void;
}

/**
 * A Temporal server and a worker of this directory's own, shared by all `plumb` commands in it. Both are processes apart,
 * so that a run outlives the command that started it; whoever comes next finds them, or starts what is missing.
 */
export class Embedded {
  private readonly layout: EmbeddedLayout;
  /** Whether the server was started here. */
  private started = false;

  constructor(private readonly options: EmbeddedOptions) {
    this.layout = embeddedLayout(options.directory);
  }

  /** Both running and fit, whatever was there before. */
  async ensure(): Promise<EmbeddedServer> {
    return await withLock(this.layout.lock, async () => {
      const server = await this.ensureServer();
      await this.ensureWorker(server);
      return server;
    });
  }

  /** Without starting anything: null when one of them does not run. */
  find(): EmbeddedServer | null {
    return findWorker(this.layout)?.ready ? findServer(this.layout) : null;
  }

  /** Whether the server that was found before still runs, and a worker. */
  runs(server: EmbeddedServer): boolean {
    return isAlive(server.pid) && findWorker(this.layout)?.ready === true;
  }

  private async ensureServer(): Promise<EmbeddedServer> {
    const running = findServer(this.layout);
    if (running && (await answers(running.address, 10_000))) return running;
    if (running) {
      this.options.say(`Temporal's server (process ${running.pid}) does not answer; starting it again.`);
      await endProcess(running.pid, 5);
    }
    this.started = true;
    return await startServer(this.layout);
  }

  private async ensureWorker({ address }: EmbeddedServer): Promise<void> {
    const { store, queues, say } = this.options;
    const running = findWorker(this.layout);
    const wish = { address, store, queues: [...new Set([...(running?.queues ?? []), ...queues])] };
    const unfit = running && whyUnfit(running, wish);
    if (running && !unfit) return;
    if (running) {
      say(`Restarting the worker: ${unfit}. Points that run go on from their checkpoints.`);
      await stopWorker(this.layout);
    }
    await startWorker(this.layout, wish);
  }

  /** While attached, a command counts as a user of the two. */
  attach(): void {
    mkdirSync(this.layout.attached, { recursive: true });
    writeJson(join(this.layout.attached, `${process.pid}.json`), thisProcess());
  }

  /**
   * Ends the attachment. The last one to leave stops both, unless they are to be kept, or it was there only briefly and had
   * found them running.
   * @returns whether they were stopped
   */
  async leave({ brief }: { brief: boolean }): Promise<boolean> {
    return await withLock(this.layout.lock, async () => {
      rmSync(join(this.layout.attached, `${process.pid}.json`), { force: true });
      if (this.kept || this.others() || (brief && !this.started)) return false;
      return await this.stopBoth();
    });
  }

  /** Both stay until `down`. */
  async keep(): Promise<void> {
    await withLock(this.layout.lock, async () => this.setKept(true));
  }

  /** @returns whether anything ran */
  async down(): Promise<boolean> {
    return await withLock(this.layout.lock, async () => {
      const ran = await this.stopBoth();
      this.setKept(false);
      return ran;
    });
  }

  get kept(): boolean {
    return readJson<ServerFile>(this.layout.server)?.keep ?? false;
  }

  private setKept(keep: boolean): void {
    const file = readJson<ServerFile>(this.layout.server);
    if (file) writeJson(this.layout.server, { ...file, keep });
  }

  /** @returns whether anything ran */
  private async stopBoth(): Promise<boolean> {
    const ran = findServer(this.layout) !== null || findWorker(this.layout) !== null;
    // The worker first: it still has checkpoints to report.
    await stopWorker(this.layout);
    await stopServer(this.layout);
    return ran;
  }

  private others(): boolean {
    return readdirSync(this.layout.attached).some((name) => {
      const other = readJson<ProcessIdentity>(join(this.layout.attached, name));
      return other !== null && livenessOf(other) === 'alive';
    });
  }
}
