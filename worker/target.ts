import { readFileSync } from 'node:fs';
import { SettingsError } from './settings-error.ts';

/** A Temporal server, as its usual environment variables name it. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  apiKey?: string;
  tls?: {
    serverNameOverride?: string;
    serverRootCACertificate?: Buffer;
    clientCertPair?: { crt: Buffer; key: Buffer };
  };
}

/**
 * The variables of Temporal's command and SDKs (external-client-configuration), each with the name that the command had for
 * it before, and with the one that holds the PEM text itself instead of a path.
 */
const CERTIFICATE = {
  paths: ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CERT'],
  data: ['TEMPORAL_TLS_CLIENT_CERT_DATA', 'TEMPORAL_TLS_CERT_DATA'],
};
const KEY = {
  paths: ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_KEY'],
  data: ['TEMPORAL_TLS_CLIENT_KEY_DATA', 'TEMPORAL_TLS_KEY_DATA'],
};
const AUTHORITY = {
  paths: ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'TEMPORAL_TLS_CA'],
  data: ['TEMPORAL_TLS_SERVER_CA_CERT_DATA', 'TEMPORAL_TLS_CA_DATA'],
};

/** The server that the environment names; null when there is none and the embedded one is to be used. */
export function targetFromEnvironment(env: NodeJS.ProcessEnv): TemporalTarget | null {
  const address = env['TEMPORAL_ADDRESS'];
  if (!address) return null;
  const apiKey = env['TEMPORAL_API_KEY']?.trim();
  const tls = tlsFromEnvironment(env, Boolean(apiKey));
  return {
    address,
    namespace: env['TEMPORAL_NAMESPACE'] || 'default',
    ...(apiKey && { apiKey }),
    ...(tls && { tls }),
  };
}

function tlsFromEnvironment(env: NodeJS.ProcessEnv, apiKey: boolean): TemporalTarget['tls'] {
  if (env['TEMPORAL_TLS'] === 'false') {
    if (apiKey)
      throw new SettingsError(
        'TEMPORAL_TLS=false would send TEMPORAL_API_KEY in the clear.',
        'Unset one of them.',
      );
    return undefined;
  }
  if (env['TEMPORAL_TLS_DISABLE_HOST_VERIFICATION'] === 'true')
    throw new SettingsError(
      'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is not supported: anyone between could read and change everything.',
      `Give the authority that signed the server's certificate: ${AUTHORITY.paths[0]}.`,
    );
  const name = env['TEMPORAL_TLS_SERVER_NAME'];
  const authority = pem(env, AUTHORITY);
  const crt = pem(env, CERTIFICATE);
  const key = pem(env, KEY);
  if (Boolean(crt) !== Boolean(key)) {
    throw new SettingsError(
      `${CERTIFICATE.paths[0]} and ${KEY.paths[0]} go together.`,
      'Set both or neither.',
    );
  }
  if (env['TEMPORAL_TLS'] !== 'true' && !apiKey && !name && !authority && !crt) return undefined;
  return {
    ...(name && { serverNameOverride: name }),
    ...(authority && { serverRootCACertificate: authority }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
}

function pem(env: NodeJS.ProcessEnv, { paths, data }: typeof KEY): Buffer | undefined {
  const given = [...paths, ...data].filter((name) => env[name]);
  const [variable] = given;
  if (variable === undefined) return undefined;
  if (new Set(given.map((name) => env[name])).size > 1)
    throw new SettingsError(`${given.join(' and ')} are set to different things.`, 'Keep one of them.');
  const value = env[variable] as string;
  const bytes = data.includes(variable) ? Buffer.from(value) : read(variable, value);
  if (!bytes.includes('-----BEGIN '))
    throw new SettingsError(
      `${variable} ${data.includes(variable) ? 'holds' : `names ${value}, which holds`} no PEM text.`,
      'It begins with -----BEGIN.',
    );
  return bytes;
}

function read(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SettingsError(
      `${variable} names ${path}, which cannot be read: ${(error as Error).message}`,
      'Correct the path, or let this user read the file.',
    );
  }
}
