import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../worker/embedded/processes.ts';
import { now } from './bodies/record.mjs';
import type { Cluster, Host } from './cluster.ts';
import { type Fault, inWords, type Scheduled } from './schedule.ts';
import type { SmallDisk } from './small-disk.ts';

/** A fault as it was done, in milliseconds of `now`. */
export interface Done {
  fault: Fault;
  from: number;
  to: number;
  /** Processes that died of it at once. */
  killed: number[];
}

/** How long to wait for what a fault needs: a process that computes, a point that is reached, a hand-over. */
const PATIENCE_MS = 15_000;

/** Does faults to a cluster, one after the other, until it is told that the run is over. */
export class Disturber {
  readonly done: Done[] = [];
  private over = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly disk: SmallDisk | null,
    /** The workflow whose hand-overs are waited for. */
    private readonly sweep: string,
    private readonly say: (line: string) => void,
  ) {}

  /** @param most stops after so many faults */
  async disturb(faults: Iterable<Scheduled>, most: number): Promise<void> {
    for (const { fault, afterSeconds } of faults) {
      await this.pause(afterSeconds * 1000);
      if (this.over || this.done.length >= most) return;
      const from = now();
      const killed = await this.carryOut(fault);
      if (killed === null) {
        this.say(`not possible now: ${inWords(fault)}`);
        continue;
      }
      this.done.push({ fault, from, to: now(), killed });
      this.say(inWords(fault));
    }
  }

  stop(): void {
    this.over = true;
  }

  /** @returns which processes died; null when it could not be done */
  private async carryOut(fault: Fault): Promise<number[] | null> {
    switch (fault.do) {
      case 'kill': {
        const pid = await this.find(fault.what, this.cluster.host(fault.host));
        if (pid === null) return null;
        return send(pid, 'SIGKILL') ? [pid] : null;
      }
      case 'pause':
        return await this.stopped(fault);
      case 'cut':
      case 'silence': {
        const { network } = this.cluster.host(fault.host);
        network.set({ kind: fault.do === 'cut' ? 'cut' : 'silent' });
        await this.pause(fault.seconds * 1000);
        network.set({ kind: 'clear' });
        return [];
      }
      case 'slow': {
        const { network } = this.cluster.host(fault.host);
        network.set({ kind: 'slow', delayMs: fault.delayMs, bytesPerSecond: fault.bytesPerSecond });
        await this.pause(fault.seconds * 1000);
        network.set({ kind: 'clear' });
        return [];
      }
      case 'fill-disk':
        this.disk!.fill();
        await this.pause(fault.seconds * 1000);
        this.disk!.free();
        return [];
      case 'spot':
        return await this.takeAway(fault);
      case 'skew-clock': {
        const host = this.cluster.host(fault.host);
        const pid = host.worker.pid!;
        this.cluster.skew(host, fault.clockSeconds);
        return [pid];
      }
      case 'shoot':
        return await this.shoot(fault);
      case 'hand-over':
        return await this.killAtHandOver(fault.what);
    }
  }

  private async find(what: 'worker' | 'child' | 'server', host: Host): Promise<number | null> {
    const pid = () => {
      if (what === 'server') return this.cluster.serverPid;
      return what === 'worker' ? (host.worker.pid ?? null) : (this.cluster.children(host)[0] ?? null);
    };
    await this.until(() => pid() !== null);
    return pid();
  }

  private async stopped(fault: Extract<Fault, { do: 'pause' }>): Promise<number[] | null> {
    const pid = await this.find(fault.what, this.cluster.host(fault.host));
    if (pid === null || !send(pid, 'SIGSTOP')) return null;
    await this.pause(fault.seconds * 1000);
    send(pid, 'SIGCONT');
    return [];
  }

  private async takeAway(fault: Extract<Fault, { do: 'spot' }>): Promise<number[]> {
    const pid = this.cluster.host(fault.host).worker.pid!;
    send(pid, 'SIGTERM');
    const end = now() + fault.noticeSeconds * 1000;
    while (isAlive(pid) && now() < end) await sleep(50);
    return send(pid, 'SIGKILL') ? [pid] : [];
  }

  private async shoot({ at, victim }: Extract<Fault, { do: 'shoot' }>): Promise<number[] | null> {
    const { control } = this.cluster;
    writeFileSync(join(control, `armed-${at}`), victim);
    // The fan-in comes when it comes: what is done meanwhile need not wait.
    if (at !== 'in-fan-in') await this.until(() => !existsSync(join(control, `armed-${at}`)));
    return [];
  }

  private async killAtHandOver(what: 'worker' | 'server'): Promise<number[] | null> {
    const handle = this.cluster.client.workflow.getHandle(this.sweep);
    const run = async () => {
      const found = await handle.describe().catch(() => null);
      return found?.runId ?? null;
    };
    let first: string | null = null;
    let changed = false;
    await this.until(async () => {
      const seen = await run();
      first ??= seen;
      changed = seen !== null && seen !== first;
      return changed;
    });
    if (!changed) return null;
    const pids = (
      what === 'server' ? [this.cluster.serverPid] : this.cluster.hosts.map(({ worker }) => worker.pid)
    ).filter((pid): pid is number => pid !== null && pid !== undefined);
    return pids.filter((pid) => send(pid, 'SIGKILL'));
  }

  private async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = now() + PATIENCE_MS;
    while (!this.over && now() < end && !(await holds())) await sleep(20);
  }

  private async pause(milliseconds: number): Promise<void> {
    const end = now() + milliseconds;
    while (!this.over && now() < end) await sleep(Math.min(50, end - now()));
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
