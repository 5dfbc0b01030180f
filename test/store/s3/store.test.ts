import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasS3Server, S3Server } from '../../servers/s3-server.ts';
import { contract } from '../contract.ts';
import { s3Backend } from './backend.ts';

describe.runIf(hasS3Server())('on an S3 server', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.close());

  contract(async () => s3Backend(server));

  test('opening and reading creates nothing', async () => {
    const { store } = s3Backend(server);
    expect(await store.readDocument('results/x')).toBeNull();
    expect(await store.listDocuments('')).toEqual([]);
    expect(await store.listDocuments('results/')).toEqual([]);
  });

  test('a store of another format is refused', async () => {
    const backend = s3Backend(server);
    await backend.store.writeDocument('runs/a', 1);
    await backend.open().writeDocument('runs/b', 1);
    await backend.overwriteDocument('store', '{"format":2}');
    await expect(backend.open().writeDocument('runs/c', 1)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('format 2'),
    });
  });

  test('more documents are listed than one answer holds', async () => {
    const { store } = s3Backend(server);
    const names = Array.from({ length: 1100 }, (_, i) => `runs/r/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < names.length; i += 50)
      await Promise.all(names.slice(i, i + 50).map((name) => store.writeDocument(name, 1)));
    expect(await store.listDocuments('runs/')).toEqual(names);
  });
});
