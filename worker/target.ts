import { readFileSync } from 'node:fs';

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

/** The server that the environment names; null when there is none and the embedded one is to be used. */
export function targetFromEnvironment(env: NodeJS.ProcessEnv): TemporalTarget | null {
  const address = env['TEMPORAL_ADDRESS'];
  if (!address) return null;
  const apiKey = env['TEMPORAL_API_KEY'];
  const tls = tlsFromEnvironment(env, apiKey !== undefined);
  return {
    address,
    namespace: env['TEMPORAL_NAMESPACE'] || 'default',
    ...(apiKey && { apiKey }),
    ...(tls && { tls }),
  };
}

function tlsFromEnvironment(env: NodeJS.ProcessEnv, apiKey: boolean): TemporalTarget['tls'] {
  if (env['TEMPORAL_TLS'] === 'false') return undefined;
  const name = env['TEMPORAL_TLS_SERVER_NAME'];
  const authority = read(env, 'TEMPORAL_TLS_SERVER_CA_CERT_PATH');
  const crt = read(env, 'TEMPORAL_TLS_CLIENT_CERT_PATH');
  const key = read(env, 'TEMPORAL_TLS_CLIENT_KEY_PATH');
  if (env['TEMPORAL_TLS'] !== 'true' && !apiKey && !name && !authority && !crt) return undefined;
  if (Boolean(crt) !== Boolean(key)) {
    throw new Error(
      'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH go together: set both or neither.',
    );
  }
  return {
    ...(name && { serverNameOverride: name }),
    ...(authority && { serverRootCACertificate: authority }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
}

function read(env: NodeJS.ProcessEnv, variable: string): Buffer | undefined {
  const path = env[variable];
  if (!path) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${variable} names ${path}, which cannot be read: ${(error as Error).message}`);
  }
}
