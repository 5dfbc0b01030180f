import { createServer, type Server, type ServerResponse } from 'node:http';

export interface HealthSource {
  /** Why it takes no work now; null when it does. */
  notReady(): Promise<string | null>;
  /** In Prometheus's text format. */
  metrics(): Promise<string>;
}

/** The one that Prometheus's own exporters say for this format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * What operators ask a worker: `/healthz` (it lives, also while its server is away), `/readyz` (it takes work: not while it
 * connects or drains, nor while server or store do not answer), `/metrics`. Nothing there changes anything or is secret.
 */
export class HealthServer {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** @param port 0: any that is free */
  static async listen(port: number, source: HealthSource, host = '0.0.0.0'): Promise<HealthServer> {
    const server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'GET only\n');
      answer(path, source, response).catch((error: Error) => send(response, 503, `${error.message}\n`));
    });
    // A client that sends no end of a head must not hold a connection for ever.
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new HealthServer(server, (server.address() as { port: number }).port);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}

async function answer(path: string, source: HealthSource, response: ServerResponse): Promise<void> {
  if (path === '/metrics') return send(response, 200, await source.metrics(), METRICS_TYPE);
  if (path !== '/healthz' && path !== '/readyz') {
    return send(response, 404, 'There are /healthz, /readyz and /metrics.\n');
  }
  // That it answers is what says that it lives: a failed worker ends the process, and a blocked one does not answer.
  const why = path === '/healthz' ? null : await source.notReady();
  send(response, why === null ? 200 : 503, `${why ?? 'ok'}\n`);
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
