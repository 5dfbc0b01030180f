import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What happens to one connection in place of being passed on. */
export type Fault =
  /** Ends both sides after so many bytes of the server's answer. */
  | { kind: 'cut-answer'; after: number }
  /** Ends both sides after so many bytes of the client's request: the server may have done it all or nothing. */
  | { kind: 'cut-request'; after: number }
  /** The request arrives, the answer does not. */
  | { kind: 'lose-answer' }
  /** Nothing is passed on. */
  | { kind: 'hang' }
  /** So many bytes a second of the answer. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** An answer of our own, without asking the server. */
  | { kind: 'answer'; status: number; code?: string; headers?: Record<string, string> }
  /** One bit of the answer's body, or of the request's, is another one. */
  | { kind: 'flip-answer' }
  | { kind: 'flip-request' }
  /** A header of the request does not arrive, as with a server that does not know it. */
  | { kind: 'drop-header'; name: string };

export interface FaultyProxy {
  port: number;
  /** First line of each request that came, in order. */
  requests: string[];
  /** Each is used up by one request whose first line fits. */
  faults: { when: RegExp; fault: Fault }[];
  /** For every request, while it is set. */
  always: Fault | null;
  close(): Promise<void>;
}

/**
 * Passes HTTP/1.1 connections on to a port of this host, with faults. It reads only heads, to choose: a connection serves
 * one request, which it tells the client by closing it.
 */
export async function faultyProxy(target: () => number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  const proxy: FaultyProxy = {
    ...{ port: 0, requests: [], faults: [], always: null },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => client.destroy());
    let head = Buffer.alloc(0);
    const gather = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      client.off('data', gather);
      client.pause();
      const lines = head.subarray(0, end).toString('latin1').split('\r\n');
      const rest = head.subarray(end + 4);
      proxy.requests.push(lines[0] as string);
      const at = proxy.faults.findIndex(({ when }) => when.test(lines[0] as string));
      const fault = at < 0 ? proxy.always : (proxy.faults.splice(at, 1)[0]?.fault ?? null);
      passOn(client, lines, rest, fault, target(), sockets);
    };
    client.on('data', gather);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}

function passOn(
  client: Socket,
  lines: string[],
  rest: Buffer,
  fault: Fault | null,
  port: number,
  sockets: Set<Socket>,
): void {
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'answer') {
    client.resume();
    answer(client, fault, lines[0]?.startsWith('HEAD ') ?? false);
    return;
  }
  const server = connect(port, '127.0.0.1');
  sockets.add(server);
  const both = () => {
    client.destroy();
    server.destroy();
  };
  server.on('close', () => sockets.delete(server));
  server.on('error', both);
  client.on('close', () => server.destroy());
  const dropped = fault?.kind === 'drop-header' ? fault.name.toLowerCase() : null;
  const kept = lines.filter((line) => {
    const name = line.split(':')[0]?.toLowerCase();
    return name !== 'connection' && name !== dropped;
  });
  server.write(`${[...kept, 'Connection: close'].join('\r\n')}\r\n\r\n`);

  let sent = 0;
  const request = (arrived: Buffer) => {
    sent += arrived.length;
    const flip = fault?.kind === 'flip-request' && sent === arrived.length;
    const chunk = flip ? flipped(arrived) : arrived;
    if (fault?.kind === 'cut-request' && sent > fault.after) {
      server.write(chunk.subarray(0, Math.max(0, chunk.length - (sent - fault.after))), both);
      return;
    }
    if (!server.write(chunk)) {
      client.pause();
      server.once('drain', () => client.resume());
    }
  };
  if (rest.length > 0) request(rest);
  client.on('data', request);
  client.resume();

  let received = 0;
  let inBody = false;
  let toFlip = fault?.kind === 'flip-answer';
  server.on('data', (arrived: Buffer) => {
    let chunk = arrived;
    received += chunk.length;
    if (fault?.kind === 'lose-answer') return both();
    if (fault?.kind === 'cut-answer' && received > fault.after) {
      client.write(chunk.subarray(0, Math.max(0, chunk.length - (received - fault.after))), both);
      return;
    }
    if (toFlip) {
      const body = inBody ? 0 : chunk.indexOf('\r\n\r\n') + 4;
      if (body < chunk.length && (inBody || body > 3)) {
        chunk = Buffer.concat([chunk.subarray(0, body), flipped(chunk.subarray(body))]);
        toFlip = false;
      }
      inBody = true;
    }
    if (fault?.kind === 'slow') {
      server.pause();
      setTimeout(() => server.resume(), (chunk.length / fault.bytesPerSecond) * 1000);
    }
    if (!client.write(chunk)) {
      server.pause();
      client.once('drain', () => server.resume());
    }
  });
  server.on('end', () => client.end());
}

function answer(
  client: Socket,
  { status, code, headers = {} }: Extract<Fault, { kind: 'answer' }>,
  headOnly: boolean,
): void {
  const body =
    code === undefined
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>so says the proxy</Message></Error>`;
  const head = {
    'content-length': String(body.length),
    date: new Date().toUTCString(),
    connection: 'close',
    ...headers,
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`);
  client.end(`HTTP/1.1 ${status} Fault\r\n${lines.join('\r\n')}\r\n\r\n${headOnly ? '' : body}`);
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] as number) ^ 4;
  return copy;
}
