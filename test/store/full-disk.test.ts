import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putArtifact } from '../../store/artifacts.ts';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';

/** A real file system of 1 MiB, where the user may mount one. */
function mountSmallDisk(): string | null {
  const directory = temporaryDirectory('full');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    return null;
  }
}

const disk = mountSmallDisk();
if (disk === null) process.stderr.write('SKIPPED test/store/full-disk: this user may not mount a tmpfs\n');

describe.skipIf(disk === null)('on a full disk', () => {
  let store: Store;
  const source = temporaryDirectory('source');
  beforeAll(() => {
    store = openStore(join(disk ?? '', 'store'));
    mkdirSync(join(source, 'big'));
    writeFileSync(join(source, 'big', 'weights'), Buffer.alloc(2 << 20, 1));
  });
  afterAll(() => {
    execFileSync('umount', [disk ?? '']);
  });

  test('every write fails with one clear error, and leaves nothing half done', async () => {
    await store.putDocumentIfAbsent('results/before', { whole: true });
    const full = {
      name: 'StoreError',
      code: 'disk-full',
      retryable: true,
      message: expect.stringMatching(/No space left to write .*MiB free/),
    };
    await expect(store.putBlob(join(source, 'big', 'weights'))).rejects.toMatchObject(full);
    await expect(store.putBytes(Buffer.alloc(2 << 20, 2))).rejects.toMatchObject(full);
    await expect(putArtifact(store, 'model', join(source, 'big'))).rejects.toMatchObject(full);
    const long = { filler: 'x'.repeat(2 << 20) };
    await expect(store.writeDocument('results/before', long)).rejects.toMatchObject(full);
    await expect(store.putDocumentIfAbsent('results/after', long)).rejects.toMatchObject(full);
    expect(readdirSync(join(store.location, 'tmp'))).toEqual([]);
    expect(await store.listDocuments('')).toEqual(['results/before']);
    expect(await store.readDocument('results/before')).toEqual({ whole: true });
  });

  test('a failed move into the store keeps the source', async () => {
    const path = join(source, 'consumed');
    writeFileSync(path, Buffer.alloc(2 << 20, 3));
    await expect(store.putBlob(path, { consume: true })).rejects.toMatchObject({ code: 'disk-full' });
    expect(readdirSync(source)).toContain('consumed');
  });

  test('work goes on once there is space', async () => {
    const small = await store.putBytes(Buffer.alloc(1000, 4));
    expect(await store.checkBlob(small, 'full')).toBe('ok');
  });
});
