import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from '../../labeling/ledger.ts';
import { openaiClient } from '../../labeling/openai-client.ts';
import { classifyRequest } from '../../labeling/prompts/classify.ts';
import { openResponseCache } from '../../labeling/response-cache.ts';
import { ComputeError } from '../../ml/failure.ts';
import {
  type Behaviour,
  type ChatBody,
  type OpenAIServer,
  startOpenAIServer,
} from '../servers/openai-server.ts';

const good: Behaviour = { kind: 'answer', content: '{"answer": "related", "reason": "it says so"}' };
const question = (n = 0) => classifyRequest(`sentiment words ${n}`, 'sentiment');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup(
  decide: (body: ChatBody, call: number) => Behaviour,
  options: {
    cap?: number | null;
    attempts?: number;
    concurrency?: number;
    directory?: string;
    key?: string;
    delayMs?: number;
    timeoutSeconds?: number;
  } = {},
) {
  const server: OpenAIServer = await startOpenAIServer(decide, {
    ...(options.key ? { key: options.key } : {}),
    ...(options.delayMs ? { delayMs: options.delayMs } : {}),
  });
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'plumb-label-'));
  const ledger = openLedger(join(directory, 'ledger.jsonl'), options.cap ?? null);
  cleanups.push(
    () => server.close(),
    () => ledger.close(),
  );
  if (!options.directory) cleanups.push(() => rmSync(directory, { recursive: true }));
  const client = openaiClient({
    apiKey: 'sk-test-secret',
    baseUrl: server.url,
    model: 'gpt-4o-mini',
    temperature: 0,
    price: { prompt: 1000, completion: 1000 },
    concurrency: options.concurrency ?? 4,
    attempts: options.attempts ?? 4,
    timeoutSeconds: options.timeoutSeconds ?? 5,
    responseFormat: 'json-schema',
    cache: openResponseCache(join(directory, 'cache')),
    ledger,
    backoffSeconds: 0.01,
  });
  return { server, client, ledger, directory };
}

async function failure(promise: Promise<unknown>): Promise<ComputeError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ComputeError);
  return error as ComputeError;
}

test('a reply that satisfies the schema is returned with what it cost', async () => {
  const { client, ledger } = await setup(() => good);
  const reply = await client.ask(question());
  expect(reply.value).toEqual({ answer: 'related', reason: 'it says so' });
  expect(reply.usage.dollars).toBeCloseTo(0.12, 10);
  expect(ledger.committed()).toBeCloseTo(0.12, 10);
});

test('the same question is asked once: the second answer comes from the cache and costs nothing', async () => {
  const { client, server, ledger } = await setup(() => good);
  await client.ask(question());
  const again = await client.ask(question());
  expect(again.cached).toBe(true);
  expect(again.usage.dollars).toBe(0);
  expect(server.calls).toHaveLength(1);
  expect(ledger.committed()).toBeCloseTo(0.12, 10);
});

test('rate limits, server errors, resets, cut and empty replies are tried again; the answer is the good one', async () => {
  const bad: Behaviour[] = [
    { kind: 'status', status: 429, headers: { 'retry-after-ms': '5' } },
    { kind: 'status', status: 503 },
    { kind: 'reset' },
    { kind: 'truncate' },
    { kind: 'answer', content: '' },
    { kind: 'answer', content: 'Sure! It is related.' },
    { kind: 'answer', content: '{"answer": "maybe", "reason": "?"}' },
  ];
  const { client, server } = await setup((_, call) => bad[call] ?? good, { attempts: 8 });
  expect((await client.ask(question())).value.answer).toBe('related');
  expect(server.calls).toHaveLength(8);
});

test('a service that hangs is given up after the timeout, as a failure that may be retried', async () => {
  const { client } = await setup(() => ({ kind: 'hang' }), { attempts: 1, timeoutSeconds: 0.2 });
  const error = await failure(client.ask(question()));
  expect(error.code).toBe('llm-unreachable');
  expect(error.options.retryable).toBe(true);
});

test('an endless rate limit ends in a retryable failure that carries the wait', async () => {
  const { client } = await setup(() => ({ kind: 'status', status: 429, headers: { 'retry-after': '0' } }), {
    attempts: 2,
  });
  const error = await failure(client.ask(question()));
  expect([error.code, error.options.retryable, error.options.retryAfterSeconds]).toEqual([
    'rate-limited',
    true,
    0,
  ]);
});

test('a wrong key, no credit and a refused question are final at once and do not repeat the key', async () => {
  const wrongKey = await setup(() => good, { key: 'sk-other' });
  const unauthorised = await failure(wrongKey.client.ask(question()));
  expect(unauthorised.code).toBe('llm-unauthorised');
  expect(unauthorised.options.retryable).toBeFalsy();
  expect(JSON.stringify([unauthorised.message, unauthorised.options])).not.toContain('sk-test-secret');

  const broke = await setup(() => ({ kind: 'status', status: 429, code: 'insufficient_quota' }));
  expect((await failure(broke.client.ask(question()))).code).toBe('llm-no-credit');
  expect(broke.server.calls).toHaveLength(1);

  const refused = await setup(() => ({ ...good, kind: 'answer', content: '', refusal: 'no' }));
  expect((await failure(refused.client.ask(question()))).code).toBe('llm-refused');
});

test('a reply that never parses is a failure, not a "no", and is not cached', async () => {
  let content = 'gibberish';
  const { client, server } = await setup(() => ({ kind: 'answer', content }), { attempts: 3 });
  const error = await failure(client.ask(question()));
  expect(error.code).toBe('llm-malformed');
  expect(error.options.retryable).toBe(false);
  expect(server.calls).toHaveLength(3);
  content = '{"answer": "unsure", "reason": ""}';
  expect((await client.ask(question())).value.answer).toBe('unsure');
});

test('spend never passes the cap, with many calls in flight and failures among them', async () => {
  // The service bills 0.12 a call; the reservation is larger, since the reply could be longer.
  const { client, server, ledger } = await setup(
    (_, call) => (call % 3 === 2 ? { kind: 'status', status: 500 } : good),
    {
      cap: 5,
      concurrency: 16,
      attempts: 2,
    },
  );
  const results = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => client.ask(question(n))));
  const caps = results.filter(
    (result) => result.status === 'rejected' && (result.reason as ComputeError).code === 'spend-cap',
  );
  expect(caps.length).toBeGreaterThan(0);
  expect(ledger.committed()).toBeLessThanOrEqual(5);
  expect(server.calls.length * 0.12).toBeLessThanOrEqual(5);
});

test('no more calls are open at once than allowed', async () => {
  const { client, server } = await setup(() => good, { concurrency: 3, delayMs: 20 });
  await Promise.all(Array.from({ length: 20 }, (_, n) => client.ask(question(n))));
  expect(server.peak).toBe(3);
});

test('a ledger opened again remembers what was spent, counts what a crash left open in full, and survives a torn line', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plumb-ledger-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'ledger.jsonl');
  const first = openLedger(file, 10);
  first.reserve(4).settle(1);
  first.reserve(3); // never settled
  first.close();
  const text = readFileSync(file, 'utf8');
  expect(text.trim().split('\n')).toHaveLength(3);
  const second = openLedger(file, 10);
  expect(second.committed()).toBe(4);
  expect(() => second.reserve(6.01)).toThrow(/cap of \$10/);
  second.reserve(6).settle(2);
  second.close();
  expect(openLedger(file, 10).committed()).toBe(6);
});

test('a second writer of a ledger is told to wait', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plumb-ledger-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const first = openLedger(join(directory, 'ledger.jsonl'), 1);
  expect(() => openLedger(join(directory, 'ledger.jsonl'), 1)).toThrow(/Another attempt/);
  first.close();
  openLedger(join(directory, 'ledger.jsonl'), 1).close();
});
