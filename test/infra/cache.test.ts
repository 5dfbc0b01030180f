import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import {
  environment,
  runNode,
  SETUP,
  scratchDirectory,
  setupModule,
  startNode,
  write,
} from './scratch-project.ts';

// Many processes start here; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

interface Cache {
  cacheDirectory(env: NodeJS.ProcessEnv): string;
  intact(path: string): boolean;
  discardIfDamaged(path: string): Promise<boolean>;
}

const url = (name: string): string => JSON.stringify(pathToFileURL(join(SETUP, name)).href);

/** A process that provides the entry `thing`: writes a line to `log` when it makes it, and takes `milliseconds`. */
const provider = (log: string, milliseconds: number, child = ''): string[] => [
  '--input-type=module',
  '--eval',
  `import { appendFileSync, writeFileSync } from 'node:fs';
   import { run } from ${url('command.mjs')};
   import { provide } from ${url('cache.mjs')};
   const { path, made } = await provide('thing', async (stage, lock) => {
     appendFileSync(${JSON.stringify(log)}, process.pid + '\\n');
     writeFileSync(stage + '/half', 'x');
     console.log('making');
     ${child ? `await run(process.execPath, ['-e', ${JSON.stringify(child)}], { lock });` : `await new Promise((done) => setTimeout(done, ${milliseconds}));`}
     writeFileSync(stage + '/whole', 'content');
   });
   console.log(path, made);`,
];

const linesOf = (log: string): string[] =>
  existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

test('the cache is where PLUMBLINE_CACHE says, else in the XDG cache directory', async () => {
  const { cacheDirectory } = await setupModule<Cache>('cache.mjs');
  expect(cacheDirectory({ PLUMBLINE_CACHE: '/a/b', XDG_CACHE_HOME: '/x' })).toBe('/a/b');
  if (process.platform === 'linux') expect(cacheDirectory({ XDG_CACHE_HOME: '/x' })).toBe('/x/plumbline');
});

test('of four at once one makes the entry, and all get it', async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const log = join(scratchDirectory(), 'log');
  const all = await Promise.all([1, 2, 3, 4].map(() => runNode(provider(log, 400), env)));
  expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(linesOf(log)).toHaveLength(1);
  expect(all.filter(({ stdout }) => stdout.includes('thing true'))).toHaveLength(1);
  const cache = env['PLUMBLINE_CACHE'] ?? '';
  expect(readdirSync(join(cache, 'thing')).sort()).toEqual(['.manifest.json', 'half', 'whole']);
  expect(readdirSync(join(cache, 'stage'))).toEqual([]);
  expect(readdirSync(join(cache, 'locks'))).toEqual([]);
});

test('what a killed maker left is swept, and the entry made anew', async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const cache = env['PLUMBLINE_CACHE'] ?? '';
  const log = join(scratchDirectory(), 'log');
  const killed = startNode(provider(log, 60_000), env);
  await until(() => killed.stdout().includes('making'));
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect(existsSync(join(cache, 'thing'))).toBe(false);
  expect(readdirSync(join(cache, 'stage'))).toHaveLength(1);

  const next = await runNode(provider(log, 0), env);
  expect(next.stdout).toContain('thing true');
  expect(linesOf(log)).toHaveLength(2);
  expect(readdirSync(join(cache, 'stage'))).toEqual([]);
  expect(readdirSync(join(cache, 'locks'))).toEqual([]);
});

test('one that waits goes on when the maker is killed', async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const log = join(scratchDirectory(), 'log');
  const killed = startNode(provider(log, 60_000), env);
  await until(() => killed.stdout().includes('making'));
  const waiting = runNode(provider(log, 0), env);
  await sleep(600);
  expect(linesOf(log)).toHaveLength(1);
  killed.child.kill('SIGKILL');
  expect((await waiting).stdout).toContain('thing true');
});

test("a killed maker's child that still writes is waited for", async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const scratch = scratchDirectory();
  const log = join(scratch, 'log');
  const ended = join(scratch, 'child-ended');
  const child = `setTimeout(() => require('fs').writeFileSync(${JSON.stringify(ended)}, ''), 1500)`;
  const killed = startNode(provider(log, 0, child), env);
  await until(() => killed.stdout().includes('making'));
  await sleep(300);
  killed.child.kill('SIGKILL');
  const next = await runNode(provider(log, 0), env);
  expect(next.stdout).toContain('thing true');
  expect(existsSync(ended)).toBe(true);
});

test('a lock whose process id was given to another process since is not respected', async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const locks = join(env['PLUMBLINE_CACHE'] ?? '', 'locks');
  const dead = { host: hostname(), token: 'old', holders: [{ pid: process.pid, started: 'long ago' }] };
  write(join(locks, 'thing.lock'), JSON.stringify(dead));
  expect((await runNode(provider(join(scratchDirectory(), 'log'), 0), env)).stdout).toContain('thing true');
});

test('a lock file cut short by a crash is not respected for ever', async () => {
  const { withLock } = await setupModule<{ withLock<T>(path: string, work: () => Promise<T>): Promise<T> }>(
    'lock.mjs',
  );
  const path = join(scratchDirectory(), 'cut.lock');
  write(path, '{"host":');
  const { utimesSync } = await import('node:fs');
  const past = new Date(Date.now() - 10 * 60_000);
  utimesSync(path, past, past);
  expect(await withLock(path, async () => 'got it')).toBe('got it');
});

test('the lock is let go when the work fails', async () => {
  const { withLock } = await setupModule<{ withLock<T>(path: string, work: () => Promise<T>): Promise<T> }>(
    'lock.mjs',
  );
  const path = join(scratchDirectory(), 'fails.lock');
  const fails = withLock(path, async () => {
    throw new Error('no luck');
  });
  await expect(fails).rejects.toThrow('no luck');
  expect(existsSync(path)).toBe(false);
});

test('a truncated entry is seen at once, one with changed bytes when it is asked for', async () => {
  const env = environment({ PLUMBLINE_CACHE: scratchDirectory() });
  const log = join(scratchDirectory(), 'log');
  await runNode(provider(log, 0), env);
  const { intact, discardIfDamaged } = await setupModule<Cache>('cache.mjs');
  const entry = join(env['PLUMBLINE_CACHE'] ?? '', 'thing');
  expect(intact(entry)).toBe(true);
  expect(await discardIfDamaged(entry)).toBe(false);

  writeFileSync(join(entry, 'whole'), 'CONTENT');
  expect(intact(entry)).toBe(true);
  expect(await discardIfDamaged(entry)).toBe(true);
  expect(existsSync(entry)).toBe(false);

  await runNode(provider(log, 0), env);
  truncateSync(join(entry, 'whole'), 3);
  expect(intact(entry)).toBe(false);
  expect((await runNode(provider(log, 0), env)).stdout).toContain('thing true');
  expect(readFileSync(join(entry, 'whole'), 'utf8')).toBe('content');
});

test('a directory without a manifest is not an entry', async () => {
  const { intact } = await setupModule<Cache>('cache.mjs');
  const folder = join(scratchDirectory(), 'thing');
  mkdirSync(folder);
  expect(intact(folder)).toBe(false);
});
