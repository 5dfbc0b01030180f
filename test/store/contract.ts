import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../store/digest.ts';
import { StoreError } from '../../store/error.ts';
import type { CollectableStore } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';

/** A store to be tested, and what happens to it from outside. */
export interface Backend {
  store: CollectableStore;
  /** The same one, as another process opens it. */
  open(): CollectableStore;
  /** Other bytes in the place of a blob's, as a careless program or a failing disk would. */
  damage(digest: string, content: string | Uint8Array): Promise<void>;
  lose(digest: string): Promise<void>;
  overwriteDocument(name: string, content: string | Uint8Array): Promise<void>;
  /** Makes a blob, or one of a disposable set, as if it had been written so long ago. */
  age(digest: string, hours: number, set?: string): Promise<void>;
  ageQuarantined(digest: string, hours: number): Promise<void>;
  /** Half-written files or uploads. */
  unfinished(): Promise<number>;
}

export const text = (content: string) => new TextEncoder().encode(content);

export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => (error instanceof StoreError ? error.code : String(error)),
  );

/** What every store must do. */
export function contract(make: () => Promise<Backend>): void {
  let backend: Backend;
  let store: CollectableStore;
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory('files');
    backend = await make();
    store = backend.store;
  });

  function file(content: string | Uint8Array, name = 'file'): string {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  }

  describe('blobs', () => {
    test('come back as they were put, by their digest', async () => {
      const content = Buffer.alloc(3_000_001, 'walk');
      const stored = await store.putBlob(file(content));
      expect(stored).toEqual({ sha256: sha256(content), size: content.length });
      const target = join(directory, 'copy');
      await store.getBlob(stored.sha256, target);
      expect(readFileSync(target).equals(content)).toBe(true);
      expect(Buffer.from(await store.readBytes(stored.sha256)).equals(content)).toBe(true);
      expect(await store.hasBlob(stored.sha256)).toBe(true);
      expect(await store.putBytes(content)).toEqual(stored);
    });

    test('empty ones too', async () => {
      const stored = await store.putBytes(new Uint8Array());
      expect(stored.size).toBe(0);
      expect((await store.readBytes(stored.sha256)).length).toBe(0);
    });

    test('are read-only where they were fetched to', async () => {
      const { sha256: digest } = await store.putBytes(text('x'));
      const target = join(directory, 'copy');
      await store.getBlob(digest, target);
      expect(statSync(target).mode & 0o222).toBe(0);
    });

    test('leave the source alone unless it may be consumed', async () => {
      const path = file('content');
      await store.putBlob(path);
      expect(readFileSync(path, 'utf8')).toBe('content');
      await store.putBlob(path, { consume: true });
      expect(existsSync(path)).toBe(false);
    });

    test('a later change of the source does not reach the store', async () => {
      const path = file('before');
      const { sha256: digest } = await store.putBlob(path);
      writeFileSync(path, 'after!');
      expect(Buffer.from(await store.readBytes(digest)).toString()).toBe('before');
    });

    test('that are missing, changed, cut or extended are never given out', async () => {
      expect(await codeOf(store.getBlob('ab'.repeat(32), join(directory, 'x')))).toBe('missing');
      expect(await codeOf(store.readBytes('ab'.repeat(32)))).toBe('missing');
      for (const damaged of ['contenT', 'conten', 'content!', '']) {
        const stored = await store.putBytes(text('content'));
        await backend.damage(stored.sha256, damaged);
        expect(await store.checkBlob(stored, 'full')).toBe('corrupt');
        expect(await codeOf(store.getBlob(stored.sha256, join(directory, 'x')))).toBe('corrupt');
        expect(await codeOf(store.readBytes(stored.sha256))).toBe('corrupt');
        expect(existsSync(join(directory, 'x'))).toBe(false);
      }
    });

    test('that are damaged are mended by putting them again', async () => {
      const stored = await store.putBlob(file('content'));
      await backend.damage(stored.sha256, 'contenT');
      await store.putBlob(file('content'));
      expect(await store.checkBlob(stored, 'full')).toBe('ok');
      await backend.damage(stored.sha256, 'contenT');
      await store.putBytes(text('content'));
      expect(await store.checkBlob(stored, 'full')).toBe('ok');
    });

    test('a quick check looks at the size, a full one at every byte', async () => {
      const stored = await store.putBytes(text('content'));
      await backend.damage(stored.sha256, 'contenT');
      expect(await store.checkBlob(stored, 'quick')).toBe('ok');
      expect(await store.checkBlob(stored, 'full')).toBe('corrupt');
      await backend.damage(stored.sha256, 'con');
      expect(await store.checkBlob(stored, 'quick')).toBe('corrupt');
      await backend.lose(stored.sha256);
      expect(await store.checkBlob(stored, 'quick')).toBe('missing');
    });

    test('damage after a full check is found by the next one', async () => {
      const stored = await store.putBytes(text('content'));
      expect(await store.checkBlob(stored, 'full')).toBe('ok');
      await sleep(20); // Some kernels give times by the tick.
      await backend.damage(stored.sha256, 'contenT');
      expect(await store.checkBlob(stored, 'full')).toBe('corrupt');
    });

    test('put by many at once are stored once and whole', async () => {
      const content = Buffer.alloc(500_000, 'z');
      const paths = Array.from({ length: 8 }, (_, i) => file(content, `source-${i}`));
      const stored = await Promise.all(paths.map((path) => store.putBlob(path)));
      expect(new Set(stored.map(({ sha256: digest }) => digest)).size).toBe(1);
      expect(await store.checkBlob(stored[0] as { sha256: string; size: number }, 'full')).toBe('ok');
      expect(await backend.unfinished()).toBe(0);
    });

    test('names that are not digests are refused', async () => {
      for (const name of ['', '../../etc/passwd', 'AB'.repeat(32), 'ab'.repeat(31)]) {
        expect(await codeOf(store.readBytes(name))).toBe('bad-name');
      }
    });
  });

  describe('documents', () => {
    test('are created once: of many at once exactly one wins, and all see it', async () => {
      const stores = Array.from({ length: 4 }, () => backend.open());
      const puts = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          (stores[i % 4] as CollectableStore).putDocumentIfAbsent('results/x', { i }),
        ),
      );
      expect(puts.filter(({ created }) => created)).toHaveLength(1);
      const winner = puts.find(({ created }) => created)?.value;
      for (const { value } of puts) expect(value).toEqual(winner);
      expect(await store.readDocument('results/x')).toEqual(winner);
    });

    test('are replaced whole: a reader never sees a part', async () => {
      const long = (i: number) => ({ i, filler: Array(2000).fill(i) });
      await store.writeDocument('runs/a/state', long(0));
      let reading = true;
      const reader = (async () => {
        while (reading) {
          const seen = await store.readDocument<ReturnType<typeof long>>('runs/a/state');
          expect(seen?.filler.every((item) => item === seen.i)).toBe(true);
        }
      })();
      for (let i = 1; i < 30; i++) await store.writeDocument('runs/a/state', long(i));
      reading = false;
      await reader;
    });

    test('are listed by prefix, sorted; deleting is final and repeatable', async () => {
      for (const name of ['runs/b/plan', 'runs/a/plan', 'runs/a/spec', 'results/k', 'runs/ab'])
        await store.writeDocument(name, 1);
      expect(await store.listDocuments('runs/')).toEqual([
        'runs/a/plan',
        'runs/a/spec',
        'runs/ab',
        'runs/b/plan',
      ]);
      expect(await store.listDocuments('runs/a')).toEqual(['runs/a/plan', 'runs/a/spec', 'runs/ab']);
      expect(await store.listDocuments('runs/a/')).toEqual(['runs/a/plan', 'runs/a/spec']);
      expect(await store.listDocuments('')).toEqual([
        'results/k',
        'runs/a/plan',
        'runs/a/spec',
        'runs/ab',
        'runs/b/plan',
      ]);
      await store.deleteDocument('runs/ab');
      await store.deleteDocument('runs/ab');
      expect(await store.readDocument('runs/ab')).toBeNull();
      expect(await store.listDocuments('nothing/')).toEqual([]);
    });

    test.each([
      '../x',
      '/etc/x',
      'a//b',
      'a/../b',
      '.hidden',
      '',
      'blobs/ab',
      'tmp/x',
      'store',
      'a\\b',
      'a\0b',
      'x'.repeat(1000),
    ])('cannot be called %j', async (name) => {
      expect(await codeOf(store.writeDocument(name, 1))).toBe('bad-name');
    });

    test('can be called what runs and points are called', async () => {
      const name = 'runs/quickstart-0123456789ab/points/saes[layer=3,variant=topk,l1=1e-3,seed=0]';
      await store.writeDocument(name, { a: 1 });
      expect(await store.listDocuments('runs/')).toEqual([name]);
    });

    test('that were changed from outside are named', async () => {
      await store.writeDocument('runs/a', 1);
      await backend.overwriteDocument('runs/a', '{"torn":');
      await expect(store.readDocument('runs/a')).rejects.toThrow(/runs\/a\.json.* is not JSON/);
    });
  });

  describe('disposable blobs', () => {
    test('are apart from the others and from each other', async () => {
      const one = store.disposable('checkpoints/k/1');
      const two = store.disposable('checkpoints/k/2');
      const stored = await store.putBytes(text('same'));
      await one.putBytes(text('same'));
      await two.putBytes(text('same'));
      await one.deleteAll();
      expect(await one.hasBlob(stored.sha256)).toBe(false);
      expect(await two.hasBlob(stored.sha256)).toBe(true);
      await two.deleteBlob(stored.sha256);
      expect(await two.hasBlob(stored.sha256)).toBe(false);
      expect(await store.hasBlob(stored.sha256)).toBe(true);
    });

    test('are not documents', async () => {
      await store.disposable('checkpoints/k/1').putBytes(text('x'));
      expect(await store.listDocuments('')).toEqual([]);
    });
  });
}
