import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openPaidClient, type PaidClientSettings } from '../../labeling/paid-client.ts';
import { startOpenAIServer } from '../servers/openai-server.ts';
import { answersOf, rightAnswers, rightly } from './support/client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const settings: PaidClientSettings = {
  ...{ model: 'gpt-4o-mini', 'api-key': { $secret: 'KEY' }, temperature: 0, 'spend-cap': 1, concurrency: 4 },
  ...{ attempts: 3, 'timeout-seconds': 5, 'response-format': 'json-schema' },
};

async function setup(more: Partial<PaidClientSettings>) {
  const server = await startOpenAIServer(rightly, { batches: () => ({ polls: 0 }) });
  const directory = mkdtempSync(join(tmpdir(), 'plumb-paid-'));
  const said: string[] = [];
  const progress: number[][] = [];
  const places = {
    ...{ durableDirectory: join(directory, 'key'), cacheDirectory: join(directory, 'cache') },
    progress: (done: number, total: number) => progress.push([done, total]),
    log: (line: string) => said.push(line),
  };
  const use = { field: 'labeller', ledger: 'ledger.jsonl' };
  const paid = openPaidClient({ ...settings, 'base-url': server.url, ...more }, places, { KEY: 'sk' }, use);
  cleanups.push(
    () => rmSync(directory, { recursive: true }),
    () => server.close(),
  );
  return { server, directory, said, progress, ...paid };
}

test('what was asked and spent is in the log of the point, and every call beside the replies', async () => {
  const { client, close, said, directory } = await setup({});
  expect(await answersOf(client, 12)).toEqual(rightAnswers(12));
  await answersOf(client, 3);
  close();
  expect(said).toEqual([
    expect.stringMatching(
      /^12 calls of the language model, 3 answers from the cache, 1200 prompt and 240 completion tokens, \$0\.0003, /,
    ),
  ]);
  expect(readdirSync(join(directory, 'cache', 'calls'))).toEqual(['key-ledger.jsonl']);
});

test('`batch` asks by batches at half the listed price, and says how far they are', async () => {
  const { client, close, said, progress, server, ledger } = await setup({ batch: true });
  expect(await answersOf(client, 12)).toEqual(rightAnswers(12));
  expect(ledger.committed()).toBeCloseTo((12 * (100 * 0.15 + 20 * 0.6)) / 2e6, 12);
  close();
  expect(server.batches.batches).toHaveLength(1);
  expect(progress.at(-1)).toEqual([12, 12]);
  expect(said.join('\n')).toMatch(
    /Batch batch-0: 12 of 12 questions\.\nBatch batch-0 completed: 12 of 12 came/,
  );
});

test('a stated price counts for batches in full, unless it says what they cost', async () => {
  const price = { prompt: 1, completion: 1 };
  const whole = await setup({ batch: true, price });
  await answersOf(whole.client, 2);
  expect(whole.ledger.committed()).toBeCloseTo(2 * 120e-6, 12);
  whole.close();
  const quarter = await setup({ batch: true, price: { ...price, batch: 0.25 } });
  await answersOf(quarter.client, 2);
  expect(quarter.ledger.committed()).toBeCloseTo(60e-6, 12);
  quarter.close();
});

test('limits a minute hold for the client of a point', async () => {
  const { client, close, server } = await setup({ 'requests-per-minute': 3 });
  const answers = answersOf(client, 5);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(server.calls).toHaveLength(3); // the others wait for the rest of the minute
  close();
  void answers;
});

test('without the secret or a price nothing is asked', async () => {
  await expect(setup({ 'api-key': { $secret: 'OTHER' } })).rejects.toMatchObject({ code: 'missing-secret' });
  await expect(setup({ model: 'mine' })).rejects.toMatchObject({ code: 'unknown-price' });
});
