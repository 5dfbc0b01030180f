import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './embedded/ports.ts';
import { HealthServer } from './health.ts';
import { SettingsError } from './settings-error.ts';
import type { WorkerHost } from './workers.ts';

/** PLUMBLINE_HEALTH_PORT. `chosen`: the operator named it, so that it must be had. */
export interface HealthPort {
  port: number;
  chosen: boolean;
}

const USUAL_PORT = 9090;

/** @returns null when it is turned off. @throws SettingsError for what is no port */
export function healthPortFrom(env: NodeJS.ProcessEnv): HealthPort | null {
  const text = env['PLUMBLINE_HEALTH_PORT'];
  if (!text) return { port: USUAL_PORT, chosen: false };
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new SettingsError(`PLUMBLINE_HEALTH_PORT is ${text}.`, 'Give a port, or 0 for none.');
  }
  return port === 0 ? null : { port, chosen: true };
}

/**
 * What a worker tells operators. Its port is open before there is a connection to Temporal, so that a worker which waits for
 * its server is seen to live. The SDK exports the metrics, to this host only, and they are passed on.
 */
export class Operations {
  private host: Pick<WorkerHost, 'notReady'> | undefined;
  private server: HealthServer | undefined;

  private constructor(readonly metricsAddress: string | null) {}

  static async open(wish: HealthPort | undefined): Promise<Operations> {
    if (wish === undefined) return new Operations(null);
    const operations = new Operations(`127.0.0.1:${await freePort([], wish.port)}`);
    try {
      operations.server = await HealthServer.listen(wish.port, {
        notReady: async () =>
          operations.host ? await operations.host.notReady() : 'it connects to Temporal',
        metrics: () => operations.metrics(),
      });
      return operations;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (wish.chosen) {
        throw new SettingsError(
          `Port ${wish.port} of PLUMBLINE_HEALTH_PORT is taken.`,
          'Give another one, or 0 for none.',
        );
      }
      // A second worker on a host, or somebody's Prometheus.
      process.stderr.write(
        `Port ${wish.port} is taken: no /healthz, /readyz and /metrics. PLUMBLINE_HEALTH_PORT names another one.\n`,
      );
      return new Operations(null);
    }
  }

  /** From then on it is ready whenever this one is. */
  attach(host: Pick<WorkerHost, 'notReady'>): void {
    this.host = host;
  }

  async close(): Promise<void> {
    await this.server?.close();
  }

  private async metrics(): Promise<string> {
    for (let tries = 1; ; tries++) {
      try {
        const given = await fetch(`http://${this.metricsAddress}/metrics`, {
          signal: AbortSignal.timeout(5_000),
        });
        return await given.text();
      } catch {
        // Before the worker connects there are none.
        if (tries === 3) throw new Error('There are no metrics yet.');
        await sleep(100);
      }
    }
  }
}
