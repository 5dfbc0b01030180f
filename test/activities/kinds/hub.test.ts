import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { hubSettings } from '../../../activities/hub/settings.ts';
import { run as dataHub } from '../../../activities/kinds/data.hub.ts';
import { run as modelFiles } from '../../../activities/kinds/model.files.ts';
import { run as modelHub } from '../../../activities/kinds/model.hub.ts';
import { type HubServer, hubServer } from '../../servers/hub-server.ts';
import { directoryOf, runBody } from '../run-body.ts';

const TINY = 'test/fixtures/tiny-models/gpt_neox';
const model = Object.fromEntries(
  ['config.json', 'model.safetensors'].map((name) => [name, readFileSync(join(TINY, name))]),
);
const tokenizer = { 'tokenizer.json': readFileSync('test/fixtures/tokenizers/word-level.json') };
const commit = 'a'.repeat(40);
const parquet = readFileSync('test/fixtures/text-files/zstd.parquet');

let server: HubServer;
beforeAll(async () => {
  const common = { commit, branches: ['main'], lfs: [] };
  server = await hubServer([
    {
      ...common,
      type: 'dataset',
      id: 'team/rows',
      files: { 'a/0.parquet': parquet, 'a/1.parquet': parquet },
    },
    {
      ...common,
      type: 'model',
      id: 'team/tiny',
      files: { ...model, ...tokenizer, 'other.bin': Buffer.from('x') },
    },
    {
      ...{ ...common, type: 'model', id: 'team/pickled' },
      files: {
        'config.json': model['config.json'] as Buffer,
        ...tokenizer,
        'pytorch_model.bin': Buffer.from('x'),
      },
    },
  ]);
});
afterAll(() => server.close());
afterEach(() => vi.unstubAllEnvs());

const useServer = () => {
  vi.stubEnv('HF_ENDPOINT', server.endpoint);
  vi.stubEnv('HF_HUB_CACHE', mkdtempSync(join(tmpdir(), 'plumb-hub-')));
};

test('data.hub: files of a dataset in order, with what data.files does to rows', async () => {
  useServer();
  const result = await runBody('data.hub', dataHub, {
    ...{ repository: 'team/rows', revision: 'main', files: ['a/*.parquet'], 'label-field': 'label' },
    ...{ dedupe: true, shuffle: false, 'max-bad': 0.2 },
  });
  const texts = readFileSync(join(directoryOf(result, 'texts'), 'texts.jsonl'), 'utf8')
    .trim()
    .split('\n');
  expect(texts).toHaveLength(6);
  expect(JSON.parse(texts[0] as string)).toEqual({ text: 'Text 0: a café, 日本, 😀 and "quotes"', label: 0 });
  expect(result?.outputs.commit).toBe(commit);
  expect(result?.metrics).toMatchObject({ duplicates: { value: 6 }, bad: { value: 2, n: 14 } });
});

test('model.hub: the same artifact as model.files makes of the directory; nothing but what is needed is fetched', async () => {
  useServer();
  const result = await runBody('model.hub', modelHub, { repository: 'team/tiny', revision: 'main' });
  expect(result?.outputs.commit).toBe(commit);
  expect(server.requests.some(({ path }) => path.includes('other.bin'))).toBe(false);
  const snapshot = join(process.env.HF_HUB_CACHE as string, 'models--team--tiny/snapshots', commit);
  const local = await runBody('model.files', modelFiles, {
    path: { $path: snapshot, sha256: '0'.repeat(64) },
  });
  const [ours, theirs] = [directoryOf(result, 'model'), directoryOf(local, 'model')];
  expect(readdirSync(ours)).toEqual(readdirSync(theirs));
  for (const name of readdirSync(ours))
    expect(readFileSync(join(ours, name)).equals(readFileSync(join(theirs, name))), name).toBe(true);
});

test('model.hub refuses pickled weights, saying why and what to do', async () => {
  useServer();
  const error = await runBody('model.hub', modelHub, { repository: 'team/pickled', revision: 'main' }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({
    code: 'bad-model',
    options: { hint: expect.stringMatching(/pickled weights can run code[\s\S]*save_pretrained/) },
  });
});

test('settings as the tools of the hub read them', () => {
  const job = { signal: new AbortController().signal, progress: () => undefined, log: () => undefined };
  const settings = (environment: Record<string, string>, secret?: { $secret: string }) =>
    hubSettings(job, secret, environment);
  expect(settings({ HF_HUB_CACHE: '/a', HF_HOME: '/b' }).cache).toBe('/a');
  expect(settings({ HF_HOME: '/b', XDG_CACHE_HOME: '/c' }).cache).toBe('/b/hub');
  expect(settings({ XDG_CACHE_HOME: '/c' }).cache).toBe('/c/huggingface/hub');
  expect(settings({}).cache).toMatch(/\/\.cache\/huggingface\/hub$/);
  expect(settings({ HF_ENDPOINT: 'http://mirror/' }).endpoint).toBe('http://mirror');
  expect([settings({ HF_HUB_OFFLINE: 'YES' }).offline, settings({ HF_HUB_OFFLINE: '0' }).offline]).toEqual([
    true,
    false,
  ]);
  expect(settings({ HF_TOKEN: 'a', MINE: 'b' }).token).toBe('a');
  expect(settings({ HF_TOKEN: 'a', MINE: 'b' }, { $secret: 'MINE' }).token).toBe('b');
  expect(settings({})).not.toHaveProperty('token');
});
