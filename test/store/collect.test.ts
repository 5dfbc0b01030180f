import { afterAll, beforeAll, describe } from 'vitest';
import { hasS3Server, S3Server } from '../servers/s3-server.ts';
import { collectionContract } from './collection-contract.ts';
import { fileSystemBackend } from './file-system-backend.ts';
import { s3Backend } from './s3/backend.ts';

describe('in a directory', () => {
  collectionContract(async () => fileSystemBackend());
});

describe.runIf(hasS3Server())('on an S3 server', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.close());
  collectionContract(async () => s3Backend(server));
});
