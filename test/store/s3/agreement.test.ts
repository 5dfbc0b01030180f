import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseS3Address } from '../../../store/s3/address.ts';
import { createByAgreement } from '../../../store/s3/agreement.ts';
import { Bucket } from '../../../store/s3/bucket.ts';
import { hasS3Server, S3Server } from '../../servers/s3-server.ts';
import { contract } from '../contract.ts';
import { s3Backend } from './backend.ts';

describe.runIf(hasS3Server())('on a server without conditional writes', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    // As a server does that ignores the header.
    vi.spyOn(Bucket.prototype, 'putIfAbsent').mockImplementation(async function (this: Bucket, key, bytes) {
      await this.put(key, bytes);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  contract(async () => s3Backend(server));

  test('a deleted document can be created anew, also by many', async () => {
    const { store, open } = s3Backend(server);
    for (let round = 0; round < 3; round++) {
      const puts = await Promise.all(
        Array.from({ length: 6 }, (_, i) => open().putDocumentIfAbsent('checkpoints/k/1', `${round}/${i}`)),
      );
      expect(puts.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(puts.map(({ value }) => value)).size).toBe(1);
      await store.deleteDocument('checkpoints/k/1');
      expect(await store.listDocuments('checkpoints/')).toEqual([]);
    }
  });

  test('one that dies after it has won is stood in for, with its value', async () => {
    const { open } = s3Backend(server);
    const dead = open();
    await dead.writeDocument('runs/before', 1);
    const put = Bucket.prototype.put;
    const dying = vi.spyOn(Bucket.prototype, 'put').mockImplementation(async function (
      this: Bucket,
      key,
      bytes,
    ) {
      if (key === 'results/x.json') throw new Error('killed');
      return put.call(this, key, bytes);
    });
    await expect(dead.putDocumentIfAbsent('results/x', 'of the dead')).rejects.toThrow('killed');
    dying.mockRestore();
    vi.spyOn(Bucket.prototype, 'putIfAbsent').mockImplementation(async function (this: Bucket, key, bytes) {
      await this.put(key, bytes);
      return true;
    });
    const { bucket } = rawBucket(server, dead.location);
    expect(await createByAgreement(bucket, 'results/x.json', '"of the living"\n', 200)).toBe(false);
    expect(await open().readDocument('results/x')).toBe('of the dead');
  });

  test('one that is slow to write what it has won gives up rather than write late', async () => {
    const { bucket } = rawBucket(server, 's3://tests/slow');
    const put = bucket.put.bind(bucket);
    bucket.put = async (key, bytes) => {
      if (key === 'runs/x.json') await sleep(300);
      await put(key, bytes);
    };
    await expect(createByAgreement(bucket, 'runs/x.json', '1', 200)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

function rawBucket(server: S3Server, location: string): { bucket: Bucket } {
  server.bucket('tests');
  return { bucket: new Bucket(parseS3Address(location, server.env), { env: server.env }) };
}
