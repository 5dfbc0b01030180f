import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putArtifact } from '../../../store/artifacts.ts';
import { sha256 } from '../../../store/digest.ts';
import type { S3Store } from '../../../store/s3/store.ts';
import { temporaryDirectory } from '../../compute/build.ts';
import { type Fault, type FaultyProxy, faultyProxy } from '../../servers/faulty-proxy.ts';
import { hasS3Server, makeCertificate, S3Server, SECRET_KEY } from '../../servers/s3-server.ts';
import { type Backend, codeOf } from '../contract.ts';
import { QUICK, s3Backend } from './backend.ts';

const PUT = /^PUT /;
const GET = /^GET /;
const answer = (status: number, code: string, headers = {}): Fault => ({
  ...{ kind: 'answer', status, code, headers },
});

describe.runIf(hasS3Server())('an S3 server behind a bad network', () => {
  let server: S3Server;
  let proxy: FaultyProxy;
  let backend: Backend;
  const directory = temporaryDirectory('faults');
  const big = Buffer.alloc((40 << 20) + 17);
  for (let i = 0; i < big.length; i += 4096) big.writeUInt32LE(i, i);
  const bigFile = join(directory, 'big');

  beforeAll(async () => {
    server = await S3Server.start();
    writeFileSync(bigFile, big);
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    proxy = await faultyProxy(() => server.port);
    backend = s3Backend(server, { endpoint: `http://127.0.0.1:${proxy.port}`, idleMs: 500 });
  });
  afterEach(() => proxy.close());

  const fail = (when: RegExp, ...faults: Fault[]) => {
    proxy.faults.push(...faults.map((fault) => ({ when, fault })));
  };

  test.each<[string, Fault]>([
    ['503 SlowDown', answer(503, 'SlowDown')],
    ['500 InternalError', answer(500, 'InternalError')],
    ['429', answer(429, 'TooManyRequests')],
    ['a cut connection', { kind: 'cut-answer', after: 40 }],
    ['a connection cut before the answer', { kind: 'cut-answer', after: 0 }],
    ['silence', { kind: 'hang' }],
  ])('%s is tried again', async (_name, fault) => {
    fail(PUT, fault, fault);
    const stored = await backend.store.putBytes(Buffer.from('content'));
    fail(GET, fault, fault);
    expect(Buffer.from(await backend.open().readBytes(stored.sha256)).toString()).toBe('content');
    fail(GET, fault);
    expect(await backend.store.listDocuments('runs/')).toEqual([]);
    expect(proxy.faults).toEqual([]);
  });

  test('the wait that the server asks for is kept', async () => {
    fail(GET, answer(503, 'SlowDown', { 'retry-after': '1' }));
    const began = performance.now();
    await backend.store.readDocument('runs/a');
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  test('what does not end is one error, which says to try later', async () => {
    proxy.always = answer(503, 'SlowDown');
    const failed = backend.store.readDocument('runs/a');
    await expect(failed).rejects.toMatchObject({
      name: 'StoreError',
      code: 'unavailable',
      retryable: true,
      message: expect.stringMatching(/so says the proxy \(SlowDown\)/),
    });
    expect(proxy.requests).toHaveLength(QUICK.tries);
  });

  test('a server that is down is named; when it is back, work goes on', async () => {
    await proxy.close();
    const { store } = backend;
    await expect(store.readDocument('runs/a')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:\d+ cannot be reached or was cut off \(ECONNREFUSED\)/),
    });
    await server.kill();
    const later = s3Backend(server, { patience: { tries: 50, firstMs: 20, longestMs: 50 } });
    const written = later.store.writeDocument('runs/a', 1);
    await server.start();
    await written;
    expect(await later.store.readDocument('runs/a')).toBe(1);
  });

  test('a large file comes and goes over connections that are cut in the midst', async () => {
    fail(/^PUT .*partNumber=2/, { kind: 'cut-request', after: 5 << 20 }, answer(503, 'SlowDown'));
    fail(/^PUT .*partNumber=3/, { kind: 'lose-answer' }, { kind: 'flip-request' });
    const stored = await backend.store.putBlob(bigFile);
    expect(stored).toEqual({ sha256: sha256(big), size: big.length });
    fail(
      GET,
      { kind: 'cut-answer', after: 3 << 20 },
      { kind: 'hang' },
      { kind: 'cut-answer', after: 9 << 20 },
    );
    const target = join(directory, 'copy');
    await backend.open().getBlob(stored.sha256, target);
    expect(readFileSync(target).equals(big)).toBe(true);
    expect(await backend.unfinished()).toBe(0);
    expect(proxy.faults).toEqual([]);
  });

  test('an upload that completes, but whose answer is lost, is whole', async () => {
    fail(/^POST .*uploadId=/, { kind: 'lose-answer' });
    const stored = await backend.store.putBlob(bigFile);
    expect(await backend.open().checkBlob(stored, 'full')).toBe('ok');
  });

  test('an upload that fails leaves nothing behind', async () => {
    proxy.faults.push(
      ...Array.from({ length: QUICK.tries }, () => ({
        when: /^PUT .*partNumber=3/,
        fault: answer(500, 'InternalError'),
      })),
    );
    await expect(backend.store.putBlob(bigFile, { consume: true })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(existsSync(bigFile)).toBe(true);
    expect(await backend.unfinished()).toBe(0);
    expect(await backend.store.hasBlob(sha256(big))).toBe(false);
  });

  test('bytes that change on the way are noticed, both ways', async () => {
    fail(PUT, { kind: 'flip-request' });
    const stored = await backend.store.putBytes(Buffer.from('content '.repeat(100)));
    expect(await backend.open().checkBlob(stored, 'full')).toBe('ok');
    fail(GET, { kind: 'flip-answer' });
    expect(await codeOf(backend.open().readBytes(stored.sha256))).toBe('corrupt');
    fail(GET, { kind: 'flip-answer' });
    const target = join(directory, 'flipped');
    expect(await codeOf(backend.open().getBlob(stored.sha256, target))).toBe('corrupt');
    expect(existsSync(target)).toBe(false);
    proxy.always = { kind: 'flip-request' };
    await expect(backend.store.putBytes(Buffer.from('other '.repeat(100)))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/what arrived is not what was sent/),
    });
  });

  test('a document that we created, but whose answer is lost, is ours', async () => {
    await backend.store.writeDocument('runs/first', 1);
    fail(/^PUT .*runs\/mine/, { kind: 'lose-answer' });
    expect(await backend.store.putDocumentIfAbsent('runs/mine', { by: 1 })).toEqual({
      value: { by: 1 },
      created: true,
    });
    fail(/^PUT .*runs\/mine/, answer(503, 'SlowDown'));
    expect(await backend.open().putDocumentIfAbsent('runs/mine', { by: 2 })).toEqual({
      value: { by: 1 },
      created: false,
    });
  });

  test('of many over a bad network still exactly one creates a document', async () => {
    const stores = Array.from({ length: 4 }, () => backend.open());
    fail(
      /^PUT .*results\/x/,
      ...Array.from(
        { length: 12 },
        (_, i): Fault => (i % 2 ? { kind: 'lose-answer' } : answer(503, 'SlowDown')),
      ),
    );
    const puts = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        (stores[i % 4] as S3Store).putDocumentIfAbsent('results/x', { i }),
      ),
    );
    expect(puts.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(puts.map(({ value }) => value.i)).size).toBe(1);
  });

  test('a slow answer is waited for as long as bytes come', async () => {
    const stored = await backend.store.putBytes(Buffer.alloc(300_000, 1));
    fail(GET, { kind: 'slow', bytesPerSecond: 200_000 });
    expect((await backend.open().readBytes(stored.sha256)).length).toBe(300_000);
  });

  test('a full store is said to be', async () => {
    const full: [number, string][] = [
      [507, 'InsufficientStorage'],
      [403, 'QuotaExceeded'],
      [507, 'XMinioStorageFull'],
    ];
    for (const [status, code] of full) {
      fail(PUT, answer(status, code));
      await expect(backend.store.putBytes(Buffer.from(code))).rejects.toMatchObject({
        code: 'disk-full',
        retryable: true,
        hint: expect.stringContaining('plumb artifacts gc'),
      });
    }
  });

  test('a clock that is wrong is named, with the difference', async () => {
    const date = new Date(Date.now() + 47 * 60_000).toUTCString();
    fail(GET, answer(403, 'RequestTimeTooSkewed', { date }));
    await expect(backend.store.readDocument('runs/a')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the clock of this machine is 47 min behind the server'),
      hint: expect.stringContaining('set-ntp'),
    });
  });

  test.each<[number, string, string, RegExp]>([
    [403, 'AccessDenied', 'permission', /refused these credentials/],
    [400, 'ExpiredToken', 'permission', /have expired/],
    [301, 'PermanentRedirect', 'bad-name', /is not in us-east-1/],
    [501, 'NotImplemented', 'unsupported', /cannot do that/],
    [404, 'NoSuchBucket', 'bad-name', /There is no bucket tests/],
  ])('%i %s is explained', async (status, code, kind, message) => {
    proxy.always = answer(status, code);
    await expect(backend.store.readDocument('runs/a')).rejects.toMatchObject({
      code: kind,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\w/),
    });
  });

  test('a missing or damaged file of an artifact is found and named, and putting it again mends it', async () => {
    const source = join(directory, 'source');
    writeFileSync(join(temporaryDirectory('x'), 'unused'), '');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'weights'), 'content');
    const ref = await putArtifact(backend.store, 'model', source);
    await backend.damage(sha256('content'), 'contenT');
    const fresh = backend.open();
    expect(await codeOf(fresh.readBytes(sha256('content')))).toBe('corrupt');
    await backend.lose(sha256('content'));
    await expect(backend.open().readBytes(sha256('content'))).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringMatching(/blobs\/[0-9a-f]{2}\//),
    });
    expect(await putArtifact(backend.open(), 'model', source)).toEqual(ref);
    expect(await backend.open().checkBlob({ sha256: sha256('content'), size: 7 }, 'full')).toBe('ok');
  });

  test('over TLS, with the authority that we name, and no other', async () => {
    const { authority, certificate, key } = makeCertificate();
    const secure = await S3Server.start({ tls: { certificate, key } });
    try {
      await expect(s3Backend(secure).store.writeDocument('runs/a', 1)).rejects.toMatchObject({
        code: 'permission',
        hint: expect.stringContaining('AWS_CA_BUNDLE'),
      });
      const trusted = s3Backend(secure, { env: { AWS_CA_BUNDLE: authority } });
      const stored = await trusted.store.putBlob(bigFile);
      expect(await trusted.open().checkBlob(stored, 'full')).toBe('ok');
      expect(await trusted.store.putDocumentIfAbsent('runs/a', 1)).toMatchObject({ created: true });
      const plain = s3Backend(secure, { endpoint: secure.endpoint.replace('https', 'http') });
      expect(['bad-name', 'unavailable', 'unsupported']).toContain(
        await codeOf(plain.store.readDocument('a')),
      );
      const unreadable = s3Backend(secure, { env: { AWS_CA_BUNDLE: '/no/such.pem' } });
      await expect(unreadable.store.readDocument('a')).rejects.toThrow(/such\.pem cannot be read/);
    } finally {
      await secure.close();
    }
  });

  test('no message ever holds the secret', async () => {
    const seen: unknown[] = [];
    for (const fault of [
      answer(403, 'AccessDenied'),
      answer(400, 'Odd'),
      answer(503, 'SlowDown'),
      answer(404, 'NoSuchBucket'),
    ]) {
      proxy.always = fault;
      seen.push(
        await backend.store
          .writeDocument('runs/a', 1)
          .catch((error) => [
            error.message,
            error.hint,
            String(error.stack),
            String(error.cause?.stack),
            { ...error.cause },
          ]),
      );
    }
    expect(JSON.stringify(seen)).not.toMatch(new RegExp(`${SECRET_KEY}|Signature=`));
    expect(seen).toHaveLength(4);
  });
});
