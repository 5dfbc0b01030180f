import { readFile } from 'node:fs/promises';
import { StoreError } from '../error.ts';
import type { S3Credentials } from './credentials.ts';

/** These services answer at once, or are not there: off the cloud nobody waits long. */
const TIMEOUT_MS = 2000;

/**
 * Credentials of the role of a container (AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI, as ECS and EKS set it) or of
 * the machine (EC2's instance metadata, version 2; AWS_EC2_METADATA_SERVICE_ENDPOINT names another place). The `minio`
 * package has a provider for these, which reads `AccessKeyID` where the services answer `AccessKeyId`, and waits for ever.
 *
 * @returns null where neither service is there
 */
export async function instanceRole(env: NodeJS.ProcessEnv): Promise<S3Credentials | null> {
  const relative = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  const full = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  if (relative || full) {
    const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
    const token = file ? (await readFile(file, 'utf8')).trim() : env['AWS_CONTAINER_AUTHORIZATION_TOKEN'];
    const address = relative ? new URL(relative, 'http://169.254.170.2').href : (full as string);
    return credentialsOf(await ask(address, token ? { headers: { authorization: token } } : {}));
  }
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') return null;
  const endpoint = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || 'http://169.254.169.254';
  let token: string;
  try {
    token = await ask(new URL('/latest/api/token', endpoint).href, {
      method: 'PUT',
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' },
    });
  } catch (error) {
    // Named, it should have answered.
    if (env['AWS_EC2_METADATA_SERVICE_ENDPOINT']) throw error;
    return null;
  }
  const headers = { 'x-aws-ec2-metadata-token': token };
  const roles = new URL('/latest/meta-data/iam/security-credentials/', endpoint).href;
  const [role] = (await ask(roles, { headers })).split('\n');
  if (!role?.trim()) return null;
  return credentialsOf(await ask(`${roles}${encodeURIComponent(role.trim())}`, { headers }));
}

async function ask(address: string, options: RequestInit): Promise<string> {
  try {
    const response = await fetch(address, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.status === 404) return '';
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return await response.text();
  } catch (error) {
    throw unavailable(address, (error as Error).message);
  }
}

function credentialsOf(text: string): S3Credentials {
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not the answer itself in the message: it may hold the secret.
    throw unavailable('the role', 'its answer is not JSON');
  }
  const { AccessKeyId: accessKey, SecretAccessKey: secretKey, Token: token, Expiration: expiration } = answer;
  if (typeof accessKey !== 'string' || typeof secretKey !== 'string')
    throw unavailable('the role', `its answer has no keys (code ${String(answer['Code'] ?? 'none')})`);
  const expires = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  return {
    accessKey,
    secretKey,
    ...(typeof token === 'string' && { sessionToken: token }),
    ...(!Number.isNaN(expires) && { expires }),
  };
}

function unavailable(where: string, why: string): StoreError {
  return new StoreError(
    'unavailable',
    `The credentials of this machine's role could not be had from ${where}: ${why}.`,
    'See that a role is attached, or give the credentials in the environment.',
  );
}
