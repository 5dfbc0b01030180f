import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Behaviour, type ChatBody, startOpenAIServer } from '../servers/openai-server.ts';
import { answersOf, dollarsEach, numberOf, openClient, rightAnswers, rightly } from './support/client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup(decide: (body: ChatBody, call: number) => Behaviour, settings = {}) {
  const server = await startOpenAIServer(decide);
  const directory = mkdtempSync(join(tmpdir(), 'plumb-faults-'));
  const opened = openClient({ url: server.url, directory, ...settings });
  cleanups.push(
    () => rmSync(directory, { recursive: true }),
    opened.close,
    () => server.close(),
  );
  return { server, directory, ...opened };
}

const N = 400;
/** Of every hundred calls: one is refused for its rate, one is garbage, and so on. */
const SCRIPT: Record<number, Behaviour> = {
  7: { kind: 'status', status: 429, headers: { 'retry-after-ms': '20' } },
  23: { kind: 'answer', content: 'As a language model I', promptTokens: 100, completionTokens: 20 },
  31: { kind: 'reset' },
  47: { kind: 'truncate' },
  59: { kind: 'status', status: 503 },
  71: {
    kind: 'answer',
    content: '{"answer": "rel',
    finish: 'length',
    promptTokens: 100,
    completionTokens: 20,
  },
  83: { kind: 'hang' },
};

test('under a script of faults every label is right, and no call is made beyond one a question and one a failure', async () => {
  let faults = 0;
  const { server, client, log } = await setup(
    (body, call) => {
      const fault = SCRIPT[call % 100];
      if (fault) faults++;
      return fault ?? rightly(body);
    },
    { timeoutSeconds: 2, concurrency: 16 },
  );
  expect(await answersOf(client, N)).toEqual(rightAnswers(N));
  expect(faults).toBeGreaterThan(20);
  // On a machine that stands still for a moment, a good answer may come too late as well.
  const { calls, failed, cached } = log.summary();
  expect(failed).toBeGreaterThanOrEqual(faults);
  expect([calls, cached, server.calls.length]).toEqual([N + failed, 0, N + failed]);
});

test('a refusal, a filtered question and a filtered answer are failures of that question, at once, and no label', async () => {
  const { server, client } = await setup((body) => {
    switch (numberOf(body)) {
      case 3:
        return { kind: 'answer', content: '', refusal: 'I cannot say.' };
      case 5:
        return { kind: 'status', status: 400, code: 'content_filter' };
      case 8:
        return { kind: 'answer', content: '{"answer": "related", "reason": ""}', finish: 'content_filter' };
      default:
        return rightly(body);
    }
  });
  const expected = rightAnswers(10).with(3, 'llm-refused').with(5, 'llm-filtered').with(8, 'llm-filtered');
  expect(await answersOf(client, 10)).toEqual(expected);
  expect(server.calls).toHaveLength(10);
});

test('after garbage the model is shown what it said and why that was wrong; after a cut answer it gets more room', async () => {
  const replies: Behaviour[] = [
    { kind: 'answer', content: '{"answer": "perhaps", "reason": "x"}' },
    { kind: 'answer', content: '{"answer": "related", "rea', finish: 'length' },
  ];
  const { server, client } = await setup((body, call) => replies[call] ?? rightly(body));
  expect(await answersOf(client, 1)).toEqual(rightAnswers(1));
  const [first, second, third] = server.calls as [ChatBody, ChatBody, ChatBody];
  expect(second.messages.slice(0, 2)).toEqual(first.messages);
  expect(second.messages[2]).toEqual({ role: 'assistant', content: '{"answer": "perhaps", "reason": "x"}' });
  expect(second.messages[3]?.content).toMatch(/must be equal to one of the allowed values/);
  expect(third.messages).toHaveLength(4); // one fault at a time
  expect(third.max_tokens).toBe(2 * first.max_tokens);
});

test('when one call meets a rate limit all wait as long as the service says', async () => {
  const at: number[] = [];
  const { client } = await setup(
    (body, call) => {
      at.push(performance.now());
      return call === 0
        ? { kind: 'status', status: 429, headers: { 'retry-after-ms': '300' } }
        : rightly(body);
    },
    { concurrency: 1 },
  );
  expect(await answersOf(client, 3)).toEqual(rightAnswers(3));
  expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(295);
});

test('a service that asks for a longer wait than is waited here ends the attempt, which Temporal then tries after it', async () => {
  const { server, client } = await setup(() => ({
    ...{ kind: 'status', status: 429, headers: { 'retry-after': '3600' } },
  }));
  expect(await answersOf(client, 1)).toEqual(['rate-limited']);
  expect(server.calls).toHaveLength(1);
});

test('equal questions at the same time are one call', async () => {
  const { server, client } = await setup(rightly);
  const replies = await Promise.all([answersOf(client, 5), answersOf(client, 5)]);
  expect(replies).toEqual([rightAnswers(5), rightAnswers(5)]);
  expect(server.calls).toHaveLength(5);
});

test('every call is a line of the log: tokens, price, latency, what became of it, and what the cache spared', async () => {
  const { client, directory } = await setup(
    (body, call) => (call === 0 ? { kind: 'reset' } : rightly(body)),
    {
      concurrency: 1,
    },
  );
  await answersOf(client, 2);
  await answersOf(client, 2);
  const lines = readFileSync(join(directory, 'calls.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ outcome }) => outcome)).toEqual([
    ...['llm-unreachable', 'answered', 'answered'],
    ...['cached', 'cached'],
  ]);
  expect(lines[1]).toMatchObject({
    purpose: 'classify',
    promptTokens: 100,
    completionTokens: 20,
    batch: null,
  });
  expect(lines[1]?.dollars).toBeCloseTo(dollarsEach(), 10);
  expect(lines[1]?.milliseconds).toBeGreaterThanOrEqual(0);
  expect(lines[3]?.dollars).toBe(0);
});

test('the schema that is sent holds nothing that strict services refuse', async () => {
  const { server, client } = await setup(rightly);
  await answersOf(client, 1);
  const format = server.calls[0]?.response_format as unknown as {
    json_schema: { name: string; strict: boolean; schema: { properties: Record<string, object> } };
  };
  expect(format.json_schema).toMatchObject({ name: 'classification', strict: true });
  expect(format.json_schema.schema.properties).toEqual({
    answer: { type: 'string', enum: ['related', 'unrelated', 'unsure'] },
    reason: { type: 'string' },
  });
});
