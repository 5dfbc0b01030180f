import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ArtifactCache, checkArtifact, putArtifact, readManifest } from '../../store/artifacts.ts';
import { canonicalJson } from '../../store/canonical.ts';
import { sha256 } from '../../store/digest.ts';
import { openStore } from '../../store/open.ts';
import { acceptResult, lookUpResult } from '../../store/results.ts';
import type { ArtifactRef, Json, PointRecord, Store } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = temporaryDirectory('artifacts');
  store = openStore(join(directory, 'store'));
});

function write(files: Record<string, string>, name = 'made'): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, name, path, '..'), { recursive: true });
    writeFileSync(join(directory, name, path), content);
  }
  return join(directory, name);
}

const FILES = { 'config.json': '{}', 'figures/a.svg': '<svg/>', 'figures/b/c.txt': 'c' };

function damage(content: string, by: string | null): void {
  const path = join(store.location, 'blobs', sha256(content).slice(0, 2), sha256(content));
  chmodSync(path, 0o644);
  if (by === null) rmSync(path);
  else writeFileSync(path, by);
}

describe('an artifact', () => {
  test('is named by the digest of its manifest, whatever made it', async () => {
    const ref = await putArtifact(store, 'report', write(FILES), { from: 'report' });
    const files = Object.fromEntries(
      Object.entries(FILES).map(([path, content]) => [
        path,
        { sha256: sha256(content), size: content.length },
      ]),
    );
    expect(ref).toEqual({
      $artifact: 'report',
      digest: sha256(canonicalJson({ type: 'report', files } as Json)),
      from: 'report',
    });
    expect(await readManifest(store, ref)).toEqual({ type: 'report', files });
    expect((await putArtifact(store, 'report', write(FILES, 'again'))).digest).toBe(ref.digest);
    expect((await putArtifact(store, 'table', write(FILES, 'other'))).digest).not.toBe(ref.digest);
  });

  test('holds plain files only, and at least one', async () => {
    const made = write(FILES);
    symlinkSync('/etc/passwd', join(made, 'link'));
    await expect(putArtifact(store, 'table', made)).rejects.toThrow(/neither a file nor a directory/);
    mkdirSync(join(directory, 'empty'));
    await expect(putArtifact(store, 'table', join(directory, 'empty'))).rejects.toThrow(/No files/);
  });

  test.each([
    ['a changed blob', '{ }', 'corrupt', 'corrupt'],
    ['a blob changed in place', '[]', 'ok', 'corrupt'],
    ['a lost blob', null, 'missing', 'missing'],
  ])('with %s is not whole', async (_what, by, quick, full) => {
    const ref = await putArtifact(store, 'report', write(FILES));
    damage('{}', by);
    expect((await checkArtifact(store, ref, 'quick')).state).toBe(quick);
    expect(await checkArtifact(store, ref, 'full')).toMatchObject({
      state: full,
      what: expect.stringContaining('config.json'),
    });
  });

  test('whose manifest was changed is not believed, and is mended by putting it again', async () => {
    const ref = await putArtifact(store, 'report', write(FILES));
    const manifest = await readManifest(store, ref);
    await store.writeDocument(`artifacts/${ref.digest}`, { ...manifest, type: 'table' });
    expect((await checkArtifact(store, ref, 'quick')).state).toBe('corrupt');
    await putArtifact(store, 'report', write(FILES));
    expect((await checkArtifact(store, ref, 'full')).state).toBe('ok');
  });
});

describe('the cache of materialised artifacts', () => {
  const contents = (path: string) =>
    Object.fromEntries(Object.keys(FILES).map((name) => [name, readFileSync(join(path, name), 'utf8')]));

  test('gives one directory to all who ask, also at once and from several processes', async () => {
    const ref = await putArtifact(store, 'report', write(FILES));
    const caches = Array.from({ length: 5 }, () => new ArtifactCache(store, join(directory, 'cache')));
    const paths = await Promise.all(
      caches.flatMap((cache) => [cache.materialise(ref), cache.materialise(ref)]),
    );
    expect(new Set(paths).size).toBe(1);
    expect(contents(paths[0] as string)).toEqual(FILES);
    expect(readdirSync(join(directory, 'cache'))).toEqual([ref.digest]);
  });

  test.each<[string, (path: string) => void]>([
    ['changed', (path) => writeFileSync(path, '[]')],
    ['removed', (path) => rmSync(path)],
  ])('makes a directory again when a file in it was %s', async (_what, change) => {
    const ref = await putArtifact(store, 'report', write(FILES));
    const cache = new ArtifactCache(store, join(directory, 'cache'));
    const path = await cache.materialise(ref);
    // A copy of its own, so that the store's bytes stay as they are.
    const inner = join(path, 'config.json');
    rmSync(inner);
    writeFileSync(inner, '{}');
    expect(await cache.materialise(ref)).toBe(path);
    change(inner);
    expect(contents(await cache.materialise(ref))).toEqual(FILES);
  });

  test('says which artifact is lost, and what to do', async () => {
    const ref = await putArtifact(store, 'report', write(FILES), { from: 'maker[seed=0]' });
    damage('c', null);
    const failed = new ArtifactCache(store, join(directory, 'cache')).materialise(ref);
    await expect(failed).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('maker[seed=0]'),
      hint: expect.stringContaining('maker[seed=0]'),
    });
    expect(existsSync(join(directory, 'cache', ref.digest))).toBe(false);
  });

  test('never writes outside of its directory', async () => {
    const file = await store.putBytes(new TextEncoder().encode('x'));
    for (const path of ['../escaped', '/etc/escaped', 'a/../../escaped', 'a\\b']) {
      const manifest = { type: 'table', files: { [path]: file } };
      const digest = sha256(canonicalJson(manifest as unknown as Json));
      await store.writeDocument(`artifacts/${digest}`, manifest);
      const ref: ArtifactRef = { $artifact: 'table', digest };
      await expect(new ArtifactCache(store, join(directory, 'cache')).materialise(ref)).rejects.toThrow(
        /cannot be a path/,
      );
    }
  });
});

describe('results', () => {
  const record = (key: string, table: ArtifactRef, seconds = 1): PointRecord => ({
    key,
    kind: 'test',
    kindVersion: 1,
    params: {},
    seed: 0,
    run: { id: 'r', experiment: 'e', step: 's', point: 'p' },
    environment: {},
    usage: { peakMemoryBytes: 1e6, cpuSeconds: 1 },
    startedAt: '',
    finishedAt: '',
    seconds,
    attempts: 1,
    dollars: 0,
    outputs: { table, list: [table], n: 3 },
    metrics: {},
  });
  const key = 'cd'.repeat(32);

  test('are accepted once, and only with all that they name', async () => {
    const table = await putArtifact(store, 'table', write(FILES));
    expect(await lookUpResult(store, key)).toEqual({ state: 'absent' });
    expect(await acceptResult(store, record(key, table))).toMatchObject({ created: true });
    const second = await acceptResult(store, record(key, table, 2));
    expect(second).toEqual({ record: record(key, table), created: false });
    expect(await lookUpResult(store, key)).toEqual({ state: 'accepted', record: record(key, table) });
    await expect(
      acceptResult(store, record('ef'.repeat(32), { $artifact: 'table', digest: 'ab'.repeat(32) })),
    ).rejects.toThrow(/A result needs/);
  });

  test('whose artifact is no longer whole are not believed, and give way to a new one', async () => {
    const lost = await putArtifact(store, 'table', write({ 'table.json': 'lost' }, 'lost'));
    await acceptResult(store, record(key, lost));
    damage('lost', 'last');
    expect(await lookUpResult(store, key)).toMatchObject({
      state: 'invalid',
      why: expect.stringContaining('table.json'),
    });
    const fresh = await putArtifact(store, 'table', write({ 'table.json': 'fresh' }, 'fresh'));
    expect(await acceptResult(store, record(key, fresh))).toMatchObject({ created: true });
    expect(await lookUpResult(store, key)).toMatchObject({
      state: 'accepted',
      record: { outputs: { table: { digest: fresh.digest } } },
    });
  });

  test('that were changed from outside are not believed', async () => {
    const table = await putArtifact(store, 'table', write(FILES));
    for (const content of ['{', '{"key":"other"}', '[]', 'null1']) {
      await acceptResult(store, record(key, table));
      writeFileSync(join(store.location, 'results', `${key}.json`), content);
      expect((await lookUpResult(store, key)).state).toBe('invalid');
      expect((await acceptResult(store, record(key, table, 5))).created).toBe(true);
      expect((await lookUpResult(store, key)).state).toBe('accepted');
    }
  });
});
