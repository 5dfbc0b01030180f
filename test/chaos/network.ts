import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Weather =
  | { kind: 'clear' }
  /** Connections end, and new ones are refused. */
  | { kind: 'cut' }
  /** Connections stay, and nothing arrives: a switch that drops what it gets. */
  | { kind: 'silent' }
  | { kind: 'slow'; delayMs: number; bytesPerSecond: number };

/** A network between one host and the server: passes TCP connections on, as well as its weather allows. */
export class Network {
  /** Where the server is now. */
  target = 0;
  private weather: Weather = { kind: 'clear' };
  private readonly sockets = new Set<Socket>();
  private cleared: (() => void)[] = [];

  private constructor(private readonly server: Server) {
    server.on('connection', (client) => this.accept(client));
  }

  static async open(target: number): Promise<Network> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const network = new Network(server);
    network.target = target;
    return network;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  set(weather: Weather): void {
    this.weather = weather;
    if (weather.kind === 'cut') for (const socket of this.sockets) socket.destroy();
    if (weather.kind === 'silent') return;
    for (const go of this.cleared.splice(0)) go();
  }

  async close(): Promise<void> {
    this.set({ kind: 'cut' });
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    if (this.weather.kind === 'cut') {
      client.destroy();
      return;
    }
    const server = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      void this.pass(from, to);
    }
  }

  private async pass(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await this.travel(chunk.length);
        if (to.destroyed) return;
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
    } catch {
      // The connection was cut.
    }
  }

  private async travel(bytes: number): Promise<void> {
    while (this.weather.kind === 'silent') await new Promise<void>((go) => this.cleared.push(go));
    if (this.weather.kind === 'slow')
      await sleep(this.weather.delayMs + (1000 * bytes) / this.weather.bytesPerSecond);
  }
}
