import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { BACKOFF } from '../../../activities/feedback/http.ts';
import { failure, open, scores } from './opening.ts';

BACKOFF.seconds = 0.01;

interface Request {
  prompts: string[];
  completions: string[];
}
type Answer = (response: ServerResponse, body: Request, request: IncomingMessage) => void;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const right: Answer = (response, { completions }) =>
  response.end(JSON.stringify({ scores: completions.map((text) => text.length) }));
const status =
  (code: number, headers: Record<string, string> = {}, text = ''): Answer =>
  (response) =>
    response.writeHead(code, headers).end(text);

/** A service that answers one request after the other as told, and the last way from then on. */
async function service(...answers: Answer[]) {
  const seen: (Request & { token: string | undefined })[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const body = JSON.parse(text) as Request;
      seen.push({ ...body, token: request.headers.authorization });
      (answers[Math.min(seen.length, answers.length) - 1] as Answer)(response, body, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/score`, seen };
}

const http = (url: string, rest: Record<string, unknown> = {}) =>
  open({ kind: 'http', url, version: '1', ...rest });

test('texts go in batches, in order, with the token of the secret', async () => {
  process.env.PLUMB_TEST_TOKEN = 'hunter2';
  const { url, seen } = await service(right);
  const reward = await http(url, { 'batch-size': 2, token: { $secret: 'PLUMB_TEST_TOKEN' } });
  expect(await scores(reward, 'a', 'bb', 'ccc', '', 'Grüße 👍')).toEqual([1, 2, 3, 0, 8]);
  expect(seen.map(({ completions }) => completions)).toEqual([['a', 'bb'], ['ccc', ''], ['Grüße 👍']]);
  expect(seen[0]).toMatchObject({ prompts: ['I think', 'I think'], token: 'Bearer hunter2' });
  delete process.env.PLUMB_TEST_TOKEN;
  expect(await failure(http(url, { token: { $secret: 'PLUMB_TEST_TOKEN' } }))).toMatchObject({
    code: 'missing-secret',
  });
});

test('a service in trouble is asked again', async () => {
  const hangUp: Answer = (response) => response.destroy();
  const half: Answer = (response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"scores": [');
    setTimeout(() => response.destroy(), 20);
  };
  const { url, seen } = await service(
    status(503),
    hangUp,
    half,
    status(429, { 'retry-after': '0.2' }),
    right,
  );
  const start = performance.now();
  expect(await scores(await http(url), 'abc')).toEqual([3]);
  expect(seen).toHaveLength(5);
  expect(performance.now() - start).toBeGreaterThan(200);
});

test('a service that stays in trouble fails the attempt, which may be tried later', async () => {
  const { url, seen } = await service(status(500));
  const said = await failure(scores(await http(url, { attempts: 3 }), 'abc'));
  expect(said).toMatchObject({ code: 'reward-unavailable', retryable: true });
  expect(said.message).toContain('failed with 500 (tried 3 times)');
  expect(seen).toHaveLength(3);
});

test('a long Retry-After is left to the worker', async () => {
  const { url, seen } = await service(status(429, { 'retry-after': '600' }));
  const said = await failure(scores(await http(url), 'abc'));
  expect(said).toMatchObject({ code: 'reward-unavailable', retryable: true, retryAfterSeconds: 600 });
  expect(seen).toHaveLength(1);
});

test('a service that says nothing is given up, also in the middle of an answer', async () => {
  const stall: Answer = (response) => void response.writeHead(200).write('{"sco');
  const { url } = await service(() => undefined, stall);
  const said = await failure(scores(await http(url, { attempts: 2, 'timeout-seconds': 0.2 }), 'abc'));
  expect(said.message).toContain('gave no answer in 0.2 s (tried 2 times)');
});

test.each([
  [
    'too few scores',
    (r) => r.end('{"scores": [1]}'),
    'bad-reward',
    /gave 1 scores, for 2 texts of which the first is .*"completion":"a"/,
  ],
  ['no list', (r) => r.end('{"score": 1}'), 'bad-reward', /without a list `scores`/],
  ['a page', (r) => r.end('<html>'), 'bad-reward', /no JSON \("<html>"\)/],
  ['null', (r) => r.end('null'), 'bad-reward', /without a list/],
  ['a score that is null', (r) => r.end('{"scores": [1, null]}'), 'bad-reward', /"completion":"b".* is null/],
  ['a score that is text', (r) => r.end('{"scores": ["1", 2]}'), 'bad-reward', /"completion":"a".* is "1"/],
  [
    'a score beyond all numbers',
    (r) => r.end('{"scores": [1e999, 2]}'),
    'bad-reward',
    /"completion":"a".* is Infinity/,
  ],
  ['401', status(401), 'reward-unauthorised', /refused the token \(401\)/],
  ['404', status(404, {}, 'nothing here'), 'reward-refused', /refused the request \(404\): nothing here/],
  ['a redirect', status(307, { location: 'http://127.0.0.1:1/' }), 'reward-refused', /somewhere else/],
] satisfies [string, Answer, string, RegExp][])('%s is final, and said', async (_, answer, code, message) => {
  const { url, seen } = await service(answer);
  const said = await failure(scores(await http(url, { scale: 2 }), 'a', 'b'));
  expect(said.code).toBe(code);
  expect(said.message).toMatch(message);
  expect(said.retryable ?? false).toBe(false);
  expect(seen).toHaveLength(1);
});
