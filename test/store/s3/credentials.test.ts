import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CredentialChain } from '../../../store/s3/credentials.ts';
import { temporaryDirectory } from '../../compute/build.ts';
import { type InstanceRoleServer, instanceRoleServer } from '../../servers/instance-role-server.ts';
import { ACCESS_KEY, hasS3Server, S3Server, SECRET_KEY } from '../../servers/s3-server.ts';
import { s3Backend } from './backend.ts';

const directory = temporaryDirectory('credentials');
const file = (name: string, content: string) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
/** Where none of this machine's own are found. */
const nowhere = { AWS_SHARED_CREDENTIALS_FILE: '', AWS_EC2_METADATA_DISABLED: 'true', AWS_PROFILE: '' };
const shared = file(
  'credentials',
  `# comment\n[default]\naws_access_key_id=one\naws_secret_access_key = two==\n; more\n[ team ]\nAWS_ACCESS_KEY_ID = ${ACCESS_KEY}\r\naws_secret_access_key = ${SECRET_KEY}\naws_session_token = t\n[broken]\naws_access_key_id = x\n`,
);

let role: InstanceRoleServer;
beforeAll(async () => {
  role = await instanceRoleServer(
    { accessKey: ACCESS_KEY, secretKey: SECRET_KEY, seconds: 3600 },
    'token of the container',
  );
});
afterAll(() => role.close());

describe('credentials', () => {
  test('of the environment come first', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    expect(await new CredentialChain({ ...env, AWS_SHARED_CREDENTIALS_FILE: shared }).get()).toEqual({
      accessKey: 'a',
      secretKey: 'b',
      sessionToken: 'c',
    });
  });

  test('of a file by profile', async () => {
    const chain = (profile: string) =>
      new CredentialChain({ ...nowhere, AWS_SHARED_CREDENTIALS_FILE: shared, AWS_PROFILE: profile });
    expect(await chain('').get()).toEqual({ accessKey: 'one', secretKey: 'two==' });
    expect(await chain('team').get()).toEqual({
      accessKey: ACCESS_KEY,
      secretKey: SECRET_KEY,
      sessionToken: 't',
    });
    await expect(chain('absent').get()).rejects.toThrow(/profile absent of .* does not exist/);
    await expect(chain('broken').get()).rejects.toThrow(/profile broken of .* has no/);
  });

  test('that are half given, or named and not there, are said to be', async () => {
    const half = new CredentialChain({ ...nowhere, AWS_ACCESS_KEY_ID: 'a' });
    await expect(half.get()).rejects.toMatchObject({
      code: 'permission',
      message: expect.stringContaining('AWS_SECRET_ACCESS_KEY is not set'),
    });
    const absent = new CredentialChain({ ...nowhere, AWS_SHARED_CREDENTIALS_FILE: join(directory, 'no') });
    await expect(absent.get()).rejects.toThrow(/cannot be read \(ENOENT\)/);
  });
});

describe('credentials of a role', () => {
  test('of a machine are asked for once, and again before they end', async () => {
    const chain = new CredentialChain({ AWS_EC2_METADATA_SERVICE_ENDPOINT: role.endpoint, HOME: directory });
    role.given = 0;
    expect(await chain.get()).toMatchObject({ accessKey: ACCESS_KEY, secretKey: SECRET_KEY });
    await chain.get();
    expect(role.given).toBe(1);
    const brief = new CredentialChain({ AWS_EC2_METADATA_SERVICE_ENDPOINT: role.endpoint });
    role.role = { ...role.role, seconds: 60 };
    await brief.get();
    await brief.get();
    expect(role.given).toBe(3);
  });

  test('still serve while their service is away, until they end', async () => {
    const brief = await instanceRoleServer({ accessKey: 'k', secretKey: 's', seconds: 100 }, '');
    const chain = new CredentialChain({ AWS_EC2_METADATA_SERVICE_ENDPOINT: brief.endpoint });
    await chain.get();
    await brief.close();
    expect(await chain.get()).toMatchObject({ accessKey: 'k' });
  });

  test('of a container need its token', async () => {
    const address = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${role.endpoint}/container` };
    const token = file('token', 'token of the container\n');
    const chain = new CredentialChain({ ...address, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token });
    expect(await chain.get()).toMatchObject({ accessKey: ACCESS_KEY });
    await expect(new CredentialChain(address).get()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('401'),
    });
  });
});

describe.runIf(hasS3Server())('on an S3 server', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.close());
  const own = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };

  test('a role and a profile open the store', async () => {
    role.role = { ...role.role, seconds: 3600 };
    const machine = {
      ...own,
      AWS_EC2_METADATA_DISABLED: '',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: role.endpoint,
    };
    await s3Backend(server, { env: machine }).store.writeDocument('runs/a', 1);
    const noToken = file(
      'plain',
      `[default]\naws_access_key_id=${ACCESS_KEY}\naws_secret_access_key=${SECRET_KEY}`,
    );
    const profile = { ...own, AWS_SHARED_CREDENTIALS_FILE: noToken };
    await s3Backend(server, { env: profile }).store.writeDocument('runs/a', 1);
  });

  test('wrong ones are refused, without showing them', async () => {
    const wrong = { AWS_SECRET_ACCESS_KEY: 'canary-wrong-secret' };
    const error = await s3Backend(server, { env: wrong })
      .store.writeDocument('runs/a', 1)
      .catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'permission',
      message: expect.stringContaining('SignatureDoesNotMatch'),
    });
    const shown = JSON.stringify([error, error.cause, String(error.stack), { ...error.cause }]);
    expect(shown).not.toMatch(/canary|Signature=|plumbtest/);
    const unknown = { AWS_ACCESS_KEY_ID: 'nobody' };
    await expect(s3Backend(server, { env: unknown }).store.readDocument('runs/a')).rejects.toMatchObject({
      code: 'permission',
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  test('keys of a file that were replaced meanwhile are read again', async () => {
    const path = file('rotated', '[default]\naws_access_key_id=old\naws_secret_access_key=old');
    const { store } = s3Backend(server, { env: { ...own, AWS_SHARED_CREDENTIALS_FILE: path } });
    await expect(store.readDocument('runs/a')).rejects.toMatchObject({ code: 'permission' });
    file('rotated', `[default]\naws_access_key_id=${ACCESS_KEY}\naws_secret_access_key=${SECRET_KEY}`);
    expect(await store.readDocument('runs/a')).toBeNull();
  });
});
