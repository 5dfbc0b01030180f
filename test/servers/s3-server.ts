import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'minio';
import { temporaryDirectory } from '../compute/build.ts';

const STAMP = fileURLToPath(new URL('../../node_modules/.plumbline/s3-server.json', import.meta.url));

/** versitygw, as set-up for tests has built it; null where there was no Go. */
function binary(): string | null {
  try {
    return (JSON.parse(readFileSync(STAMP, 'utf8')) as { path?: string }).path ?? null;
  } catch {
    return null;
  }
}

/** Says so once a file when its tests are skipped. */
export function hasS3Server(): boolean {
  const found = binary() !== null;
  if (!found) process.stderr.write('SKIPPED tests of S3 stores: set-up could not build versitygw (Go)\n');
  return found;
}

export const ACCESS_KEY = 'plumbtest';
export const SECRET_KEY = 'canary-secret-0123456789';

export interface S3ServerOptions {
  /** Where objects lie, as files: BUCKET/KEY. */
  directory?: string;
  /** Paths of a certificate and its key: the server then speaks TLS only. */
  tls?: { certificate: string; key: string };
}

/** A real S3 server on a directory. */
export class S3Server {
  private child: ChildProcess | null = null;

  private constructor(
    readonly directory: string,
    readonly port: number,
    private readonly options: S3ServerOptions,
  ) {}

  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const directory = options.directory ?? temporaryDirectory('s3');
    mkdirSync(directory, { recursive: true });
    const server = new S3Server(directory, await freePort(), options);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `${this.options.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /** What a store needs to know in its environment. */
  get env(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_ENDPOINT_URL_S3: this.endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** A bucket as people make it, with owner and rights. @returns its directory */
  async makeBucket(name: string): Promise<string> {
    const client = new Client({
      ...{ endPoint: '127.0.0.1', port: this.port, useSSL: this.options.tls !== undefined },
      ...{ accessKey: ACCESS_KEY, secretKey: SECRET_KEY },
    });
    await client.makeBucket(name);
    return join(this.directory, name);
  }

  /** A bucket is a directory: enough for what stores ask. */
  bucket(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Again, after `kill`, on the same port. */
  async start(): Promise<void> {
    const { tls } = this.options;
    const child = spawn(
      binary() as string,
      [
        ...['--port', `127.0.0.1:${this.port}`, '--quiet'],
        ...(tls ? ['--cert', tls.certificate, '--key', tls.key] : []),
        ...['posix', this.directory],
      ],
      {
        env: {
          PATH: process.env['PATH'] ?? '',
          ROOT_ACCESS_KEY: ACCESS_KEY,
          ROOT_SECRET_KEY: SECRET_KEY,
          ...(process.env['GOMAXPROCS'] && { GOMAXPROCS: process.env['GOMAXPROCS'] }),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk).slice(-2000);
      });
    for (let waited = 0; !(await listens(this.port)); waited += 20) {
      if (child.exitCode !== null || waited > 20_000) throw new Error(`versitygw does not serve: ${output}`);
      await sleep(20);
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  close(): Promise<void> {
    return this.kill();
  }
}

/** A certificate for 127.0.0.1 of an authority of its own, made with openssl; paths of PEM files. */
export function makeCertificate(): { authority: string; certificate: string; key: string } {
  const directory = temporaryDirectory('tls');
  const path = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...fresh, '-keyout', path('ca.key'), '-out', path('ca.pem')],
    ...['-days', '2', '-subj', '/CN=Test authority'],
  );
  openssl(
    ...['req', '-x509', ...fresh, '-keyout', path('server.key'), '-out', path('server.pem')],
    ...['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
  );
  return { authority: path('ca.pem'), certificate: path('server.pem'), key: path('server.key') };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
