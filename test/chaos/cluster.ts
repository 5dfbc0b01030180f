import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/types.ts';
import { embeddedLayout } from '../../worker/embedded/layout.ts';
import { freePort } from '../../worker/embedded/ports.ts';
import { findProcesses, isAlive } from '../../worker/embedded/processes.ts';
import { findServer, startServer, stopServer } from '../../worker/embedded/server.ts';
import { dataConverter } from '../../worker/payload-storage.ts';
import { Network } from './network.ts';
import type { WorkerOrders } from './worker.ts';

export interface ClusterOptions {
  directory: string;
  /** May be a small disk of its own. */
  store: string;
  hosts: number;
  slots: number;
  /** Events after which the server asks for a hand-over. */
  handOverEvents: number;
  /** What is built once: see build.ts. */
  built: { worker: string; dist: string; workflowBundle: string };
}

/** One host: a worker, its own disk, and its own way to the server. */
export interface Host {
  index: number;
  network: Network;
  worker: ChildProcess;
}

const RESTART_MS = 500;

/** libfaketime, where Debian's package has put it. */
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
export const clocksCanBeSkewed = existsSync(FAKETIME);

/**
 * A Temporal server, a store and workers on hosts of their own, each a process. What dies comes back soon after, as under
 * systemd or Kubernetes.
 */
export class Cluster {
  readonly hosts: Host[] = [];
  private closing = false;
  private supervising: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: ClusterOptions,
    readonly client: Client,
    readonly store: Store,
    private readonly doorway: Network,
    private readonly connection: Connection,
  ) {}

  static async open(options: ClusterOptions): Promise<Cluster> {
    mkdirSync(controlOf(options), { recursive: true });
    const server = await startServer(layoutOf(options), serverArguments(options));
    const port = Number(server.address.split(':')[1]);
    writeFileSync(join(controlOf(options), 'server'), String(server.pid));
    const doorway = await Network.open(port);
    const store = openStore(options.store);
    const connection = await Connection.connect({ address: doorway.address });
    const client = new Client({ connection, dataConverter: dataConverter(store) });
    const cluster = new Cluster(options, client, store, doorway, connection);
    for (let index = 0; index < options.hosts; index++) {
      const network = await Network.open(port);
      cluster.hosts.push({ index, network, worker: cluster.startWorker(index, network) });
    }
    cluster.supervising = cluster.superviseServer();
    return cluster;
  }

  /** For what processes and harness tell each other. */
  get control(): string {
    return controlOf(this.options);
  }

  get serverPid(): number | null {
    return findServer(layoutOf(this.options))?.pid ?? null;
  }

  host(index: number): Host {
    return this.hosts[index % this.hosts.length] as Host;
  }

  /** Its compute children: a child is told its worker's process id. */
  children({ worker }: Host): number[] {
    return findProcesses(
      (args) => args[1]?.endsWith('compute/child.js') === true && Number(args[2]) === worker.pid,
    ).map(({ pid }) => pid);
  }

  /** Kills a worker, which comes back with a clock that is so many seconds off. */
  skew(host: Host, clockSeconds: number): void {
    const old = host.worker;
    old.removeAllListeners('exit');
    old.kill('SIGKILL');
    host.worker = this.startWorker(host.index, host.network, {
      ...{ LD_PRELOAD: FAKETIME, FAKETIME: `${clockSeconds >= 0 ? '+' : ''}${clockSeconds}s` },
      ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' },
    });
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.supervising;
    for (const { worker } of this.hosts) {
      const gone = once(worker, 'exit');
      // The children end with it: see compute/orphan.ts.
      if (worker.exitCode === null && worker.signalCode === null && worker.kill('SIGKILL')) await gone;
    }
    await this.connection.close();
    await stopServer(layoutOf(this.options));
    for (const network of [this.doorway, ...this.hosts.map((host) => host.network)]) await network.close();
  }

  private startWorker(index: number, network: Network, env: Record<string, string> = {}): ChildProcess {
    const { built, slots, store } = this.options;
    const directory = join(this.options.directory, `host-${index}`);
    mkdirSync(directory, { recursive: true });
    const orders: WorkerOrders = {
      ...{ parent: process.pid, directory, address: network.address, store, slots },
      ...{ control: this.control, workflowBundle: built.workflowBundle, dist: built.dist },
    };
    const output = openSync(join(directory, 'worker.out'), 'a');
    const worker = spawn(process.execPath, [built.worker, JSON.stringify(orders)], {
      env: { ...process.env, ...env },
      // In a group of its own, all of which ends with the harness.
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    worker.once('exit', async () => {
      await sleep(RESTART_MS);
      if (!this.closing && this.hosts[index]?.worker === worker)
        this.hosts[index].worker = this.startWorker(index, network);
    });
    return worker;
  }

  private async superviseServer(): Promise<void> {
    let pid = this.serverPid;
    while (!this.closing) {
      await sleep(100);
      if (pid !== null && isAlive(pid)) continue;
      await sleep(RESTART_MS);
      try {
        // Its sockets outlive it by a moment.
        for (let looks = 0; looks < 50; looks++) {
          if ((await freePort([this.doorway.target])) === this.doorway.target) break;
          await sleep(50);
        }
        const server = await startServer(layoutOf(this.options), serverArguments(this.options));
        pid = server.pid;
        writeFileSync(join(this.control, 'server'), String(pid));
        const port = Number(server.address.split(':')[1]);
        for (const network of [this.doorway, ...this.hosts.map((host) => host.network)])
          network.target = port;
      } catch {
        pid = null; // It was killed while it started: again.
      }
    }
  }
}

const layoutOf = ({ directory }: ClusterOptions) => embeddedLayout(join(directory, 'temporal'));
const controlOf = ({ directory }: ClusterOptions) => join(directory, 'control');
const serverArguments = ({ handOverEvents }: ClusterOptions) => [
  '--dynamic-config-value',
  `limit.historyCount.suggestContinueAsNew=${handOverEvents}`,
];
