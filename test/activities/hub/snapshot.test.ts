import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { byPattern } from '../../../activities/hub/choose.ts';
import { fetchSnapshot } from '../../../activities/hub/snapshot.ts';
import type { HubSettings } from '../../../activities/hub/types.ts';
import { gitSha1, type HubRepository, type HubServer, hubServer } from '../../servers/hub-server.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const large = Buffer.alloc(300_000, 'rows of text\n');
const small = Buffer.from('{"a": 1}\n');

const repository = (changes: Partial<HubRepository> = {}): HubRepository => ({
  ...{ type: 'dataset', id: 'team/texts', commit: COMMIT, branches: ['main', 'refs/pr/1'] },
  files: { 'data/train-00000-of-00001.jsonl': large, 'info.json': small, 'data/other.csv': small },
  lfs: ['data/train-00000-of-00001.jsonl'],
  ...changes,
});
const FILE = 'data/train-00000-of-00001.jsonl';

let server: HubServer;
let cache: string;
let logged: string[];
beforeEach(async () => {
  server = await hubServer([repository()]);
  cache = mkdtempSync(join(tmpdir(), 'plumb-hub-'));
  logged = [];
});
afterEach(() => server.close());

const settings = (changes: Partial<HubSettings> = {}): HubSettings => ({
  ...{ endpoint: server.endpoint, cache, offline: false, signal: new AbortController().signal },
  ...{ progress: () => undefined, log: (line: string) => logged.push(line), backoffMs: 1, idleMs: 500 },
  ...changes,
});

const fetchFiles = (
  patterns = [FILE],
  revision = 'main',
  changes: Partial<HubSettings> = {},
  id = 'team/texts',
) =>
  fetchSnapshot(
    {
      ...{ type: 'dataset', repository: id, revision, owner: 'me' },
      choose: (paths) => byPattern(paths, patterns),
    },
    settings(changes),
  );
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should fail'),
    (error: unknown) => error as Error & { code: string; options: Record<string, unknown> },
  );
const fileRequests = () => server.requests.filter(({ host, path }) => host === 'cdn' && path === `/${FILE}`);

test('a branch becomes a commit, files lie as the tools of the hub lay them, and nothing is fetched twice', async () => {
  const { commit, directory, files } = await fetchFiles(['data/*.jsonl', 'info.json']);
  expect(commit).toBe(COMMIT);
  expect(files).toEqual([FILE, 'info.json']);
  const root = join(cache, 'datasets--team--texts');
  expect(directory).toBe(join(root, 'snapshots', COMMIT));
  expect(readFileSync(join(directory, FILE)).equals(large)).toBe(true);
  expect(lstatSync(join(directory, FILE)).isSymbolicLink()).toBe(true);
  expect(dirname(realpathSync(join(directory, FILE)))).toBe(realpathSync(join(root, 'blobs')));
  expect(readdirSync(join(root, 'blobs'))).toContain(gitSha1(small));
  expect(readdirSync(join(root, 'blobs'))).toHaveLength(2);
  expect(readFileSync(join(root, 'refs/main'), 'utf8')).toBe(COMMIT);
  const before = server.requests.length;
  await fetchFiles(['data/*.jsonl', 'info.json'], COMMIT);
  expect(server.requests.length).toBe(before + 1);
});

test('a revision with slashes, and a cache that another tool filled', async () => {
  const blobs = join(cache, 'datasets--team--texts/blobs');
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, gitSha1(small)), small);
  await fetchFiles(['info.json'], 'refs/pr/1');
  expect(server.requests.map(({ path }) => path)).toEqual([
    '/api/datasets/team/texts/revision/refs/pr/1?blobs=true',
  ]);
  expect(readFileSync(join(cache, 'datasets--team--texts/refs/refs/pr/1'), 'utf8')).toBe(COMMIT);
});

test('damaged bytes in the cache are found and fetched anew', async () => {
  const { directory } = await fetchFiles(['info.json']);
  writeFileSync(realpathSync(join(directory, 'info.json')), '{"a": 2}\n');
  await fetchFiles(['info.json']);
  expect(readFileSync(join(directory, 'info.json'), 'utf8')).toBe('{"a": 1}\n');
  expect(logged.join()).toContain('the cached bytes are damaged');
});

describe('downloads go on where they broke off', () => {
  test.each([false, true])('cut connections and bodies that end too soon (polite: %s)', async (polite) => {
    server.troubles[FILE] = [
      { kind: 'cut', after: 100_000, polite },
      { kind: 'cut', after: 50_000, polite },
    ];
    const { directory } = await fetchFiles();
    expect(readFileSync(join(directory, FILE)).equals(large)).toBe(true);
    const ranges = fileRequests().map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges).toHaveLength(3);
    if (polite) expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
  });

  test('by a later attempt, of the same owner', async () => {
    server.troubles[FILE] = [
      { kind: 'cut', after: 100_000, polite: true },
      ...Array.from({ length: 5 }, () => ({ kind: 'status', status: 503 }) as const),
    ];
    const error = await failure(fetchFiles());
    expect(error).toMatchObject({ code: 'hub-unreachable', options: { retryable: true } });
    expect(error.message).toContain('the hub answers 503');
    server.troubles = {};
    const before = fileRequests().length;
    const { directory } = await fetchFiles();
    expect(fileRequests().slice(before)).toMatchObject([{ range: 'bytes=100000-' }]);
    expect(readFileSync(join(directory, FILE)).equals(large)).toBe(true);
  });

  test('a server without ranges sends everything again', async () => {
    server.ranges = false;
    server.troubles[FILE] = [{ kind: 'cut', after: 100_000, polite: true }];
    const { directory } = await fetchFiles();
    expect(readFileSync(join(directory, FILE)).equals(large)).toBe(true);
  });
});

test('a wrong checksum is fetched once more; twice wrong is an error, and nothing of it stays', async () => {
  server.troubles[FILE] = [{ kind: 'flip' }];
  await fetchFiles();
  expect(fileRequests()).toHaveLength(2);
  server.troubles['data/other.csv'] = [{ kind: 'flip' }, { kind: 'flip' }];
  const error = await failure(fetchFiles(['data/other.csv']));
  expect(error).toMatchObject({ code: 'hub-checksum' });
  const snapshot = join(cache, 'datasets--team--texts/snapshots', COMMIT);
  expect(existsSync(join(snapshot, 'data/other.csv'))).toBe(false);
  expect(readdirSync(join(cache, 'datasets--team--texts/blobs'))).toHaveLength(1);
});

describe('servers in trouble', () => {
  test('5xx, 429 with Retry-After and a hanging answer are waited out', async () => {
    server.troubles.api = [{ kind: 'status', status: 502 }, { kind: 'hang' }];
    server.troubles[FILE] = [{ kind: 'status', status: 429, headers: { 'retry-after': '0' } }];
    await fetchFiles();
    expect(logged.join('\n')).toMatch(/502[\s\S]*429/);
  });

  test('a long Retry-After is left to the retries of the point', async () => {
    server.troubles.api = [{ kind: 'status', status: 429, headers: { 'retry-after': '600' } }];
    expect(await failure(fetchFiles())).toMatchObject({
      code: 'hub-unreachable',
      options: { retryable: true, retryAfterSeconds: 600 },
    });
  });

  test('nobody there', async () => {
    const error = await failure(fetchFiles([FILE], 'main', { endpoint: 'http://127.0.0.1:1' }));
    expect(error).toMatchObject({ code: 'hub-unreachable', options: { retryable: true } });
    expect(error.message).toContain('tried 5 times');
  });

  test('a stop ends it at once', async () => {
    const stop = new AbortController();
    server.troubles.api = [{ kind: 'hang' }];
    const work = fetchFiles([FILE], 'main', { signal: stop.signal, idleMs: 60_000 });
    setTimeout(() => stop.abort(), 30);
    await expect(work).rejects.toThrow(/abort/i);
  });
});

describe('refusals say what to do', () => {
  test('a repository, revision or file that is not there', async () => {
    const none = await failure(fetchFiles([FILE], 'main', {}, 'team/none'));
    expect(none).toMatchObject({
      code: 'hub-not-found',
      options: { hint: expect.stringContaining('HF_TOKEN') },
    });
    const revision = await failure(fetchFiles([FILE], 'v9'));
    expect(revision.message).toContain('no such revision');
    const file = await failure(fetchFiles(['*.parquet']));
    expect(file).toMatchObject({ code: 'hub-not-found', options: { hint: expect.stringContaining(FILE) } });
    expect(none.options.retryable).toBeUndefined();
  });

  test('private and gated ones; the token goes to the hub alone and into no message', async () => {
    server.repositories = [repository({ token: 'hf_right' })];
    expect(await failure(fetchFiles())).toMatchObject({ code: 'hub-not-found' });
    const wrong = await failure(fetchFiles([FILE], 'main', { token: 'hf_wrong' }));
    expect(wrong).toMatchObject({ code: 'hub-unauthorized' });
    expect(JSON.stringify([wrong.message, wrong.options, logged])).not.toContain('hf_');
    await fetchFiles([FILE], 'main', { token: 'hf_right' });
    expect(fileRequests().at(-1)?.authorization).toBeUndefined();
    expect(server.requests.some(({ authorization }) => authorization === 'Bearer hf_right')).toBe(true);
    server.repositories = [repository({ gated: true, id: 'team/gated' })];
    expect(await failure(fetchFiles([FILE], 'main', {}, 'team/gated'))).toMatchObject({ code: 'hub-gated' });
  });

  test('a listing that would write outside the cache', async () => {
    for (const path of ['../../evil', '/etc/evil', 'a/../../b', 'a\\..\\b', '..']) {
      server.repositories = [repository({ files: { [path]: small }, lfs: [] })];
      expect(await failure(fetchFiles(['**']))).toMatchObject({ code: 'hub-protocol' });
    }
  });
});

describe('offline', () => {
  test('the cache is enough, by branch or commit, and nobody is asked', async () => {
    const online = await fetchFiles();
    const before = server.requests.length;
    for (const revision of ['main', COMMIT])
      expect(await fetchFiles([FILE], revision, { offline: true })).toEqual(online);
    expect(server.requests.length).toBe(before);
  });

  test('what is not there is named, a shard too', async () => {
    expect(await failure(fetchFiles([FILE], 'main', { offline: true }))).toMatchObject({
      code: 'hub-offline',
      options: { hint: expect.stringContaining('HF_HUB_OFFLINE') },
    });
    const shards = { 'x-00000-of-00002.jsonl': small, 'x-00001-of-00002.jsonl': Buffer.from('other') };
    server.repositories = [repository({ files: shards, lfs: [] })];
    await fetchFiles(['x-00000*']);
    const error = await failure(fetchFiles(['x-*'], 'main', { offline: true }));
    expect(error.message).toContain('x-00001-of-00002.jsonl');
  });
});
