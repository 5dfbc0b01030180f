import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EncryptionCodec } from '../../../worker/encryption/codec.ts';
import { codecServer } from '../../../worker/encryption/codec-server.ts';

const UI = 'http://localhost:8233';
const TOKEN = 'token-of-the-web-ui';
const ring = { first: 'k', keys: new Map([['k', Buffer.alloc(32, 5)]]) };

let server: Server;
let address: string;
beforeAll(async () => {
  server = codecServer({ codec: new EncryptionCodec(ring), origins: [UI], token: TOKEN }).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const plain = { metadata: { encoding: base64('json/plain') }, data: base64('{"layer":3}') };

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const own = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, origin: UI };
  return fetch(`${address}${path}`, { method: 'POST', body, headers: { ...own, ...headers } });
}

test('a page of the web UI gets payloads decrypted', async () => {
  const encoded = (await (await post('/encode', JSON.stringify({ payloads: [plain] }))).json()) as object;
  expect(JSON.stringify(encoded)).not.toContain(plain.data);
  const response = await post('/decode', JSON.stringify(encoded));
  expect(response.headers.get('access-control-allow-origin')).toBe(UI);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toEqual({ payloads: [plain] });
});

test('a browser that asks beforehand is told what it may send, if its page is the web UI', async () => {
  const preflight = (origin: string) =>
    fetch(`${address}/decode`, { method: 'OPTIONS', headers: { origin } });
  const ours = await preflight(UI);
  expect(ours.status).toBe(204);
  expect(ours.headers.get('access-control-allow-headers')).toMatch(/authorization/);
  for (const origin of ['http://localhost:8234', 'https://evil.example', 'null'])
    expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
});

test('without the token nothing is decrypted', async () => {
  for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN])
    expect((await post('/decode', JSON.stringify({ payloads: [plain] }), { authorization })).status).toBe(
      401,
    );
});

test.each([
  ['no JSON', '{', 400],
  ['no payloads', '{}', 400],
  ['nothing', 'null', 400],
  ['payloads of another form', '{"payloads":[{"metadata":{"encoding":1}}]}', 400],
  ['no payload', '{"payloads":[null]}', 400],
  ['too much', `{"payloads":["${'x'.repeat(33 * 1024 * 1024)}"]}`, 413],
])('%s is one clear refusal', async (_what, body, status) => {
  const response = await post('/decode', body);
  expect(response.status).toBe(status);
  expect(((await response.json()) as { message: string }).message).toMatch(/body is not|At most/);
});

test('a damaged payload is refused, and so is anything but POST to the two paths', async () => {
  const metadata = { encoding: base64('binary/encrypted'), 'encryption-key-id': base64('k') };
  const damaged = await post(
    '/decode',
    JSON.stringify({ payloads: [{ metadata, data: base64('x'.repeat(40)) }] }),
  );
  expect(damaged.status).toBe(400);
  expect(await damaged.json()).toEqual({
    message: 'A payload is damaged, or was not encrypted with the key that we call k.',
  });
  expect((await fetch(`${address}/decode`)).status).toBe(405);
  expect((await post('/keys', '{}')).status).toBe(404);
});
