import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openLedger } from '../../labeling/ledger.ts';
import { type OpenAIServer, startOpenAIServer } from '../servers/openai-server.ts';
import { type ClientSettings, dollarsEach, rightAnswers, rightly, worstEach } from './support/client.ts';

const root = process.cwd();
let folder: string;
beforeAll(async () => {
  mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, 'node_modules', '.cache', 'asker-'));
  await build({
    absWorkingDir: root,
    entryPoints: ['test/labeling/support/asker.ts'],
    outfile: join(folder, 'asker.mjs'),
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const COUNT = 120;
const KILLS = 3;

/** Starts a process that asks, kills it when told to, `KILLS` times, and then lets it end. */
async function askUnderFire(
  server: OpenAIServer,
  settings: Partial<ClientSettings>,
  killWhen: (kills: number) => boolean,
): Promise<{ answers: string[]; committed: number; kills: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'plumb-kill-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const argument = JSON.stringify({ url: server.url, directory, ...settings, count: COUNT });
  for (let kills = 0; ; ) {
    const asker = spawn(process.execPath, [join(folder, 'asker.mjs'), argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    asker.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const gone = once(asker, 'close');
    const watch = setInterval(() => {
      if (kills < KILLS && killWhen(kills) && asker.kill('SIGKILL')) {
        kills++;
        clearInterval(watch);
      }
    }, 1);
    await gone;
    clearInterval(watch);
    if (output === '') continue;
    const ledger = openLedger(join(directory, 'ledger.jsonl'), null);
    const committed = ledger.committed();
    ledger.close();
    return { answers: JSON.parse(output) as string[], committed, kills };
  }
}

test('killed three times, asking at once costs what an undisturbed run costs, within the calls in flight', async () => {
  const concurrency = 4;
  const server = await startOpenAIServer(rightly, { delayMs: 15 });
  cleanups.push(() => server.close());
  const cap = COUNT * dollarsEach() + KILLS * concurrency * worstEach() + worstEach() * concurrency;
  const { answers, committed, kills } = await askUnderFire(
    server,
    { concurrency, cap },
    (killed) => server.calls.length >= (killed + 1) * 25,
  );
  expect(kills).toBe(KILLS);
  expect(answers).toEqual(rightAnswers(COUNT));
  expect(server.calls.length).toBeLessThanOrEqual(COUNT + KILLS * concurrency);
  expect(committed).toBeGreaterThanOrEqual(COUNT * dollarsEach() - 1e-9);
  expect(committed).toBeLessThanOrEqual(COUNT * dollarsEach() + KILLS * concurrency * worstEach());
  expect(committed).toBeLessThanOrEqual(cap);
}, 60_000);

/** Looks at a batch before it ends, and whether to kill the process that has been killed so often. */
const MOMENTS: [string, number, (server: OpenAIServer, kills: number) => boolean][] = [
  ['each time the file is sent', 3, ({ batches }, kills) => batches.files.size > kills],
  ['when the batch is made', 3, ({ batches }, kills) => kills === 0 && batches.batches.length > 0],
  [
    'three times while it polls',
    14,
    ({ batches }, kills) => (batches.batches[0]?.polls ?? 0) > 2 + 4 * kills,
  ],
];

test.each(MOMENTS)(
  'killed %s, it goes on with the same batch and pays for it once',
  async (_when, polls, reached) => {
    const server = await startOpenAIServer(rightly, { batches: () => ({ polls }) });
    cleanups.push(() => server.close());
    const { answers, committed, kills } = await askUnderFire(server, { batch: true }, (killed) =>
      reached(server, killed),
    );
    expect(kills).toBeGreaterThan(0);
    expect(answers).toEqual(rightAnswers(COUNT));
    expect(server.batches.batches).toHaveLength(1);
    expect(server.batches.requests).toHaveLength(COUNT);
    expect(committed).toBeCloseTo(COUNT * dollarsEach(true), 8);
  },
  60_000,
);
