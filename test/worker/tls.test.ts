import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedLayout } from '../../worker/embedded/layout.ts';
import { startServer, stopServer } from '../../worker/embedded/server.ts';
import { type TemporalTarget, targetFromEnvironment } from '../../worker/target.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumbline-tls-'));
const file = (name: string) => join(directory, name);
const layout = embeddedLayout(directory);
let proxy: Server;
let address: string;
/** What the proxy has passed on, in the clear. */
let passed = Buffer.alloc(0);
const sockets = new Set<Socket>();

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
}

function authority(name: string): void {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
  );
}

function certificate(name: string, signer: string): void {
  writeFileSync(file(`${name}.ext`), 'subjectAltName=DNS:temporal.team.example\n');
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
  );
  openssl(
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    `${name}.csr`,
    '-CA',
    `${signer}.pem`,
    '-CAkey',
    `${signer}.key`,
    '-CAcreateserial',
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.pem`,
  );
}

beforeAll(async () => {
  authority('ours');
  authority('theirs');
  certificate('server', 'ours');
  certificate('client', 'ours');
  certificate('stranger', 'theirs');
  const server = await startServer(layout);
  const port = Number(server.address.split(':')[1]);
  proxy = createServer(
    {
      key: readFileSync(file('server.key')),
      cert: readFileSync(file('server.pem')),
      ca: readFileSync(file('ours.pem')),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (secure) => {
      const plain = connect(port, '127.0.0.1');
      for (const socket of [secure, plain]) {
        sockets.add(socket);
        socket
          .on('error', () => undefined)
          .on('close', () => {
            secure.destroy();
            plain.destroy();
          });
      }
      secure.on('data', (chunk: Buffer) => {
        passed = Buffer.concat([passed, chunk]);
      });
      secure.pipe(plain).pipe(secure);
    },
  ).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  proxy?.close();
  await stopServer(layout);
  rmSync(directory, { recursive: true, force: true });
});

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  TEMPORAL_ADDRESS: address,
  TEMPORAL_TLS_SERVER_NAME: 'temporal.team.example',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('ours.pem'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: file('client.pem'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: file('client.key'),
  ...more,
});

function options({ address, apiKey, tls }: TemporalTarget) {
  return { address, ...(apiKey && { apiKey }), ...(tls && { tls }) };
}

async function reach(env: NodeJS.ProcessEnv): Promise<void> {
  const target = options(targetFromEnvironment(env)!);
  const client = await Connection.connect({ ...target, connectTimeout: '5s' });
  try {
    await client.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await client.close();
  }
  const worker = await NativeConnection.connect(target);
  try {
    await worker.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await worker.close();
  }
}

test('client and worker are let in with a certificate of ours, by the variables of now', async () => {
  await reach(environment());
});

test('and by the names that the variables had before, and with the text instead of a path', async () => {
  await reach({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.team.example',
    TEMPORAL_TLS_CA: file('ours.pem'),
    TEMPORAL_TLS_CERT: file('client.pem'),
    TEMPORAL_TLS_KEY: file('client.key'),
  });
  await reach({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.team.example',
    TEMPORAL_TLS_SERVER_CA_CERT_DATA: readFileSync(file('ours.pem'), 'utf8'),
    TEMPORAL_TLS_CLIENT_CERT_DATA: readFileSync(file('client.pem'), 'utf8'),
    TEMPORAL_TLS_CLIENT_KEY_DATA: readFileSync(file('client.key'), 'utf8'),
  });
});

test('an API key goes along, inside TLS', async () => {
  passed = Buffer.alloc(0);
  // HTTP/2 compresses headers by Huffman code: only their presence in the count of bytes would show. So the target tells.
  const env = environment({ TEMPORAL_API_KEY: ' key-of-ours\n' });
  expect(targetFromEnvironment(env)?.apiKey).toBe('key-of-ours');
  await reach(env);
  expect(passed.length).toBeGreaterThan(0);
  expect(() => targetFromEnvironment({ ...env, TEMPORAL_TLS: 'false' })).toThrow(/in the clear/);
});

test.each([
  ['no certificate', { TEMPORAL_TLS_CLIENT_CERT_PATH: '', TEMPORAL_TLS_CLIENT_KEY_PATH: '' }],
  [
    'one of another authority',
    { TEMPORAL_TLS_CLIENT_CERT_PATH: 'stranger.pem', TEMPORAL_TLS_CLIENT_KEY_PATH: 'stranger.key' },
  ],
  ['a server of another authority', { TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'theirs.pem' }],
  ['a server of another name', { TEMPORAL_TLS_SERVER_NAME: 'elsewhere.example' }],
])('%s: no connection', async (_what, more: Record<string, string>) => {
  const paths = Object.entries(more).map(([name, value]) => [
    name,
    value && name.endsWith('_PATH') ? file(value) : value,
  ]);
  const target = options(targetFromEnvironment(environment(Object.fromEntries(paths)))!);
  await expect(Connection.connect({ ...target, connectTimeout: '2s' })).rejects.toThrow();
  await expect(NativeConnection.connect(target)).rejects.toThrow();
});

test('a path to no certificate, and two that differ, are errors that name the variable', () => {
  writeFileSync(file('empty.pem'), 'not a certificate');
  expect(() =>
    targetFromEnvironment(environment({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('empty.pem') })),
  ).toThrow(/TEMPORAL_TLS_SERVER_CA_CERT_PATH names .*empty.pem, which holds no PEM text/);
  expect(() => targetFromEnvironment(environment({ TEMPORAL_TLS_CA: file('theirs.pem') }))).toThrow(
    /TEMPORAL_TLS_SERVER_CA_CERT_PATH and TEMPORAL_TLS_CA are set to different things/,
  );
  expect(() =>
    targetFromEnvironment(environment({ TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' })),
  ).toThrow(/is not supported/);
});
