import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { BatchBehaviour } from '../../servers/openai-batches.ts';
import { type Behaviour, type ChatBody, startOpenAIServer } from '../../servers/openai-server.ts';
import {
  answersOf,
  type ClientSettings,
  dollarsEach,
  numberOf,
  openClient,
  rightAnswers,
  rightly,
  worstEach,
} from '../support/client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const newDirectory = () => {
  const directory = mkdtempSync(join(tmpdir(), 'plumb-batch-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  return directory;
};

async function setup(
  decide: (body: ChatBody, call: number) => Behaviour = rightly,
  batches: (batch: number) => BatchBehaviour = () => ({}),
  settings: Partial<ClientSettings> = {},
) {
  const server = await startOpenAIServer(decide, { batches });
  cleanups.push(() => server.close());
  const directory = newDirectory();
  const open = (more: Partial<ClientSettings> = {}) => {
    const opened = openClient({ url: server.url, directory, batch: true, ...settings, ...more });
    let closed = false;
    const close = () => {
      if (!closed) opened.close();
      closed = true;
    };
    cleanups.push(close);
    return { ...opened, close };
  };
  return { server, directory, open };
}

test('questions go as one batch, at the price of a batch, and equal ones once', async () => {
  const { server, open } = await setup();
  const { client, ledger, log } = open();
  const replies = await Promise.all([answersOf(client, 50), answersOf(client, 30)]);
  expect(replies).toEqual([rightAnswers(50), rightAnswers(30)]);
  expect(server.batches.batches).toHaveLength(1);
  expect(server.batches.requests).toHaveLength(50);
  expect(ledger.committed()).toBeCloseTo(50 * dollarsEach(true), 8);
  expect(log.summary()).toMatchObject({ calls: 50, failed: 0, promptTokens: 5000 });
  await answersOf(client, 50);
  expect(server.batches.requests).toHaveLength(50); // from the cache
});

test('results out of order, twice, torn, and of questions that nobody asked: every label is right, only what is missing is asked again', async () => {
  const { server, open } = await setup(rightly, (batch) => ({
    lines(lines) {
      if (batch > 0) return lines;
      const foreign = (lines[0] as string).replace(/"custom_id":"[^"]*"/, '"custom_id":"someone-else"');
      const shuffled = [...lines].reverse();
      shuffled.splice(5, 1); // missing
      shuffled[7] = (shuffled[7] as string).slice(0, 40); // torn
      return [foreign, ...shuffled, ...lines.slice(10, 15), 'not JSON', '{}', ''];
    },
  }));
  const { client, ledger } = open();
  expect(await answersOf(client, 40)).toEqual(rightAnswers(40));
  expect(server.batches.batches).toHaveLength(2);
  expect(server.batches.requests).toHaveLength(40 + 2);
  expect(ledger.committed()).toBeLessThanOrEqual(42 * dollarsEach(true) + 1e-9);
});

test('of a line that comes once as garbage and once as an answer, the answer counts', async () => {
  const { server, open } = await setup(rightly, () => ({
    lines: (lines) => lines.flatMap((line) => [line.replace(/\\"answer\\"/, '\\"anwser\\"'), line]),
  }));
  expect(await answersOf(open().client, 10)).toEqual(rightAnswers(10));
  expect(server.batches.batches).toHaveLength(1);
});

test('rate limits, garbage, cut answers and refusals within a batch: the first three go into the next one, repaired; a refusal is a failure', async () => {
  const first = new Set<number>();
  const { server, open } = await setup((body) => {
    const n = numberOf(body);
    if (n === 9) return { kind: 'answer', content: '', refusal: 'no' };
    if (first.has(n)) return rightly(body);
    first.add(n);
    if (n === 1) return { kind: 'status', status: 429 };
    if (n === 2) return { kind: 'answer', content: 'garbage' };
    if (n === 3) return { kind: 'answer', content: '{"answer"', finish: 'length' };
    return rightly(body);
  });
  const { client } = open();
  expect(await answersOf(client, 10)).toEqual(rightAnswers(10).with(9, 'llm-refused'));
  const again = server.batches.requests.slice(10);
  expect(again.map(({ body }) => numberOf(body))).toEqual([1, 2, 3]);
  expect(again.map(({ body }) => body.messages.length)).toEqual([2, 4, 4]);
});

test('a question that is garbage in every batch is a failure after its tries, and the others are answered', async () => {
  const { server, open } = await setup((body) =>
    numberOf(body) === 4 ? { kind: 'answer', content: 'garbage' } : rightly(body),
  );
  expect(await answersOf(open({ attempts: 3 }).client, 6)).toEqual(rightAnswers(6).with(4, 'llm-malformed'));
  expect(server.batches.batches).toHaveLength(3);
});

test('a batch that expires keeps what it has; the rest is submitted again', async () => {
  const { server, open } = await setup(rightly, (batch) =>
    batch === 0 ? { ends: 'expired', lines: (lines) => lines.slice(0, 12) } : {},
  );
  const { client, ledger } = open();
  expect(await answersOf(client, 30)).toEqual(rightAnswers(30));
  expect(server.batches.requests).toHaveLength(30 + 18);
  expect(ledger.committed()).toBeCloseTo(30 * dollarsEach(true), 8);
});

test.each([
  ['after the batch was made', 'made', 1],
  ['before the service saw it', 'unseen', 1],
] as const)('when the connection is cut %s, there is one batch in the end', async (_what, cut, batches) => {
  const { server, open } = await setup(rightly, (batch) => (batch === 0 ? { cut } : {}));
  expect(await answersOf(open().client, 20)).toEqual(rightAnswers(20));
  expect(server.batches.batches).toHaveLength(batches);
  expect(server.batches.requests).toHaveLength(20);
});

test('another host, with nothing on its disk, goes on with the batch that the service has', async () => {
  const { server, open } = await setup();
  expect(await answersOf(open().client, 20)).toEqual(rightAnswers(20));
  const other = open({ directory: newDirectory() });
  expect(await answersOf(other.client, 20)).toEqual(rightAnswers(20));
  expect(server.batches.batches).toHaveLength(1);
  expect(other.ledger.committed()).toBeCloseTo(20 * dollarsEach(true), 8);
});

test('other questions are another batch', async () => {
  const { server, open } = await setup();
  await answersOf(open().client, 20);
  await answersOf(open({ directory: newDirectory() }).client, 21);
  expect(server.batches.batches).toHaveLength(2);
});

test('the worst price of what is under way is never above the cap: as many questions go at once as it allows', async () => {
  const cap = 25 * worstEach(true);
  const { server, open } = await setup(rightly, () => ({}), { cap });
  const { client, ledger } = open();
  const most: number[] = [];
  const watching = setInterval(() => most.push(ledger.committed()), 2);
  expect(await answersOf(client, 60)).toEqual(rightAnswers(60));
  clearInterval(watching);
  expect(server.batches.batches.length).toBeGreaterThan(1);
  expect(Math.max(...most)).toBeLessThanOrEqual(cap);
  expect(ledger.committed()).toBeCloseTo(60 * dollarsEach(true), 8);
});

test('what the cap does not allow at all fails as such, and what was answered before is kept', async () => {
  const { server, open } = await setup(rightly, () => ({}), { cap: 3 * worstEach(true) });
  const answers = await answersOf(open().client, 200);
  expect(new Set(answers)).toEqual(new Set([...rightAnswers(3), 'spend-cap']));
  expect(server.batches.requests.length * dollarsEach(true)).toBeLessThanOrEqual(3 * worstEach(true));
});

test('an account that takes no so large batch gets half of it', async () => {
  const { server, open } = await setup(rightly, (batch) =>
    batch === 0 ? { ends: 'failed', code: 'token_limit_exceeded' } : {},
  );
  expect(await answersOf(open().client, 10)).toEqual(rightAnswers(10));
  expect(server.batches.batches).toHaveLength(3); // 10, then twice 5
});

test('a batch that the service refuses or someone cancels ends the attempt; the next one submits what is missing', async () => {
  const { server, open } = await setup(rightly, (batch) =>
    batch === 0
      ? { ends: 'failed', code: 'model_not_found' }
      : batch === 1
        ? { ends: 'cancelled', lines: (lines) => lines.slice(0, 4) }
        : {},
  );
  const attempt = async () => {
    const { client, close } = open();
    const answers = await answersOf(client, 10);
    close();
    return answers;
  };
  expect(await attempt()).toEqual(Array(10).fill('batch-refused'));
  const cancelled = await attempt();
  expect(cancelled.filter((answer) => answer === 'batch-cancelled')).toHaveLength(6);
  expect(await attempt()).toEqual(rightAnswers(10));
  expect(server.batches.requests).toHaveLength(10 + 6);
});

test('batches larger than the service takes are several', async () => {
  const { server, open } = await setup(rightly, () => ({}), { mostRequests: 8 });
  expect(await answersOf(open().client, 20)).toEqual(rightAnswers(20));
  expect(server.batches.batches).toHaveLength(3);
});

test('an attempt that was given up while polling leaves its batch to the next one, also when its replies were lost', async () => {
  const { server, directory, open } = await setup(rightly, () => ({ polls: 6 }));
  const first = open();
  const given = answersOf(first.client, 20);
  while (server.batches.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  // What a machine that dies now leaves on its disk.
  const left = newDirectory();
  cpSync(directory, left, { recursive: true });
  rmSync(join(left, 'ledger.jsonl.lock'));
  const second = open({ directory: left });
  expect(await answersOf(second.client, 20)).toEqual(rightAnswers(20));
  expect(second.said[0]).toMatch(/^Going on with batch/);
  expect(await given).toEqual(rightAnswers(20));
  expect(server.batches.batches).toHaveLength(1);
  expect(second.ledger.committed()).toBeCloseTo(20 * dollarsEach(true), 8);
});
