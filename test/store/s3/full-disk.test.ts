import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../../compute/build.ts';
import { hasS3Server, S3Server } from '../../servers/s3-server.ts';
import { s3Backend } from './backend.ts';

/** A real file system of 8 MiB, where the user may mount one. */
function mountSmallDisk(): string | null {
  const directory = temporaryDirectory('full');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    return null;
  }
}

const disk = hasS3Server() ? mountSmallDisk() : null;
if (disk === null)
  process.stderr.write('SKIPPED test/store/s3/full-disk: no S3 server or no mount of a tmpfs\n');

describe.skipIf(disk === null)('on an S3 server whose disk is full', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start({ directory: disk as string });
  });
  afterAll(async () => {
    await server?.close();
    execFileSync('umount', [disk as string]);
  });

  test('a write is one error that can be tried again, what was there stays, and small things still go', async () => {
    const { store, open } = s3Backend(server);
    await store.putDocumentIfAbsent('results/before', { whole: true });
    const before = await store.putBytes(Buffer.alloc(1000, 1));
    const failed = { name: 'StoreError', code: 'disk-full', retryable: true };
    await expect(store.putBytes(Buffer.alloc(12 << 20, 2))).rejects.toMatchObject(failed);
    await expect(
      store.writeDocument('results/before', { filler: 'x'.repeat(12 << 20) }),
    ).rejects.toMatchObject(failed);
    expect(await open().readDocument('results/before')).toEqual({ whole: true });
    expect(await open().checkBlob(before, 'full')).toBe('ok');
    expect(await open().checkBlob(await store.putBytes(Buffer.alloc(1000, 3)), 'full')).toBe('ok');
  });
});
