import { resolve } from 'node:path';
import { parseS3Address } from '../store/s3/address.ts';
import { type TemporalTarget, targetFromEnvironment } from './target.ts';

/** Where this project keeps its state, and which services it uses. */
export interface Settings {
  /** The state directory, absolute: `.plumb` below the working directory, or PLUMBLINE_DIRECTORY. */
  directory: string;
  /**
   * The artifact store: PLUMBLINE_STORE (a directory or s3://BUCKET/PREFIX), or `store` in the state directory. With the
   * endpoint and region that the environment names, so that a worker which runs already is known to use another one.
   */
  store: string;
  /** null: the embedded development server. */
  temporal: TemporalTarget | null;
}

export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): Settings {
  const directory = resolve(cwd, env['PLUMBLINE_DIRECTORY'] || '.plumb');
  return {
    directory,
    store: storeFrom(env, directory, cwd),
    temporal: targetFromEnvironment(env),
  };
}

function storeFrom(env: NodeJS.ProcessEnv, directory: string, cwd: string): string {
  const store = env['PLUMBLINE_STORE'];
  if (!store) return resolve(directory, 'store');
  if (store.startsWith('s3:')) return parseS3Address(store, env).location;
  return store.includes('://') ? store : resolve(cwd, store);
}
