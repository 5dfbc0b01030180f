import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '../error.ts';
import { instanceRole } from './instance-role.ts';

export interface S3Credentials {
  accessKey: string;
  secretKey: string;
  sessionToken?: string;
  /** When they end, in milliseconds; absent: never. */
  expires?: number;
}

/** Asked for again so long before they end. */
const LEEWAY_MS = 5 * 60_000;

/**
 * Credentials where AWS's own tools find them, in their order: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN); the profile AWS_PROFILE (else `default`) of ~/.aws/credentials or AWS_SHARED_CREDENTIALS_FILE; the
 * role of the container or the machine. Kept until shortly before they end.
 */
export class CredentialChain {
  private current: Promise<S3Credentials> | null = null;

  constructor(private readonly env: NodeJS.ProcessEnv = process.env) {}

  async get(): Promise<S3Credentials> {
    const known = await this.current?.catch(() => null);
    if (known && (known.expires === undefined || known.expires - Date.now() > LEEWAY_MS)) return known;
    const asked = this.find();
    this.current = asked;
    try {
      return await asked;
    } catch (error) {
      this.forget();
      // A role's service that cannot be reached for a moment does not end what still holds.
      if (known?.expires !== undefined && known.expires > Date.now()) return known;
      throw error;
    }
  }

  /** After the store refused them: a file may have been changed since, a role's keys replaced. */
  forget(): void {
    this.current = null;
  }

  private async find(): Promise<S3Credentials> {
    const found = fromEnvironment(this.env) ?? (await fromFile(this.env)) ?? (await instanceRole(this.env));
    if (found !== null) return found;
    throw new StoreError(
      'permission',
      'No credentials for the store were found: neither in the environment, nor in a credentials file, nor a role.',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/credentials in AWS_PROFILE.',
    );
  }
}

function fromEnvironment(env: NodeJS.ProcessEnv): S3Credentials | null {
  const accessKey = env['AWS_ACCESS_KEY_ID'];
  const secretKey = env['AWS_SECRET_ACCESS_KEY'];
  if (!accessKey && !secretKey) return null;
  if (!accessKey || !secretKey)
    throw new StoreError(
      'permission',
      `${accessKey ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID'} is not set, but its counterpart is.`,
      'Set both or neither.',
    );
  const sessionToken = env['AWS_SESSION_TOKEN'];
  return { accessKey, secretKey, ...(sessionToken && { sessionToken }) };
}

async function fromFile(env: NodeJS.ProcessEnv): Promise<S3Credentials | null> {
  const path = env['AWS_SHARED_CREDENTIALS_FILE'] || join(homedir(), '.aws', 'credentials');
  const profile = env['AWS_PROFILE'] || 'default';
  const named = Boolean(env['AWS_SHARED_CREDENTIALS_FILE'] || env['AWS_PROFILE']);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!named) return null;
    throw new StoreError(
      'permission',
      `The credentials file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      'Correct AWS_SHARED_CREDENTIALS_FILE, or unset it and AWS_PROFILE.',
    );
  }
  const values = profileOf(text, profile);
  const accessKey = values?.get('aws_access_key_id');
  const secretKey = values?.get('aws_secret_access_key');
  if (!accessKey || !secretKey) {
    if (!named) return null;
    throw new StoreError(
      'permission',
      `The profile ${profile} of ${path} ${values === null ? 'does not exist' : 'has no aws_access_key_id and aws_secret_access_key'}.`,
      'Correct AWS_PROFILE or the file.',
    );
  }
  const sessionToken = values?.get('aws_session_token');
  return { accessKey, secretKey, ...(sessionToken && { sessionToken }) };
}

/** A section of an INI file; null when it is not there. */
function profileOf(text: string, profile: string): Map<string, string> | null {
  let found: Map<string, string> | null = null;
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line);
    if (section) {
      inside = section[1] === profile;
      if (inside) found ??= new Map();
      continue;
    }
    const pair = /^\s*([^#;=\s]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (inside && pair) found?.set((pair[1] as string).toLowerCase(), pair[2] as string);
  }
  return found;
}
