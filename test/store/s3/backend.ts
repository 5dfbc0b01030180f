import { randomBytes } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { parseS3Address } from '../../../store/s3/address.ts';
import { Bucket, type BucketOptions } from '../../../store/s3/bucket.ts';
import { S3Store } from '../../../store/s3/store.ts';
import type { S3Server } from '../../servers/s3-server.ts';
import type { Backend } from '../contract.ts';

/** So that a test of failures does not wait as users would. */
export const QUICK = { tries: 5, firstMs: 5, longestMs: 20 };

/** A store in a prefix of its own of one bucket. `endpoint`: another way to the server, such as a proxy. */
export function s3Backend(server: S3Server, options: BucketOptions & { endpoint?: string } = {}): Backend {
  const directory = server.bucket('tests');
  const prefix = randomBytes(6).toString('hex');
  const env = { ...server.env, ...options.env };
  const { endpoint = server.endpoint, ...rest } = options;
  const all = { patience: QUICK, ...rest, env };
  const open = () => new S3Store(`s3://tests/${prefix}?endpoint=${endpoint}`, all);
  // Straight to the server: what happens from outside happens without faults.
  const address = parseS3Address(`s3://tests/${prefix}?endpoint=${server.endpoint}`, env);
  const bucket = new Bucket(address, { patience: QUICK, env });
  const keyOf = (digest: string, folder = 'blobs') => `${folder}/${digest.slice(0, 2)}/${digest}`;
  const age = (key: string, hours: number) => {
    const time = new Date(Date.now() - hours * 3600_000);
    utimesSync(join(directory, prefix, key), time, time);
  };
  return {
    store: open(),
    open,
    damage: (digest, content) => bucket.put(keyOf(digest), Buffer.from(content)),
    lose: (digest) => bucket.remove(keyOf(digest)),
    overwriteDocument: (name, content) => bucket.put(`${name}.json`, Buffer.from(content)),
    async age(digest, hours, set) {
      age(keyOf(digest, set === undefined ? 'blobs' : `disposable/${set}`), hours);
    },
    async ageQuarantined(digest, hours) {
      age(keyOf(digest, 'quarantine'), hours);
    },
    async unfinished() {
      return (await bucket.unfinishedUploads()).length;
    },
  };
}
