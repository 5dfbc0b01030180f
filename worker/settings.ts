import { resolve } from 'node:path';
import { type TemporalTarget, targetFromEnvironment } from './target.ts';

/** Where this project keeps its state, and which services it uses. */
export interface Settings {
  /** The state directory, absolute: `.plumb` below the working directory, or PLUMBLINE_DIRECTORY. */
  directory: string;
  /** The artifact store: PLUMBLINE_STORE, or `store` in the state directory. */
  store: string;
  /** null: the embedded development server. */
  temporal: TemporalTarget | null;
}

export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): Settings {
  const directory = resolve(cwd, env['PLUMBLINE_DIRECTORY'] || '.plumb');
  const store = env['PLUMBLINE_STORE'];
  return {
    directory,
    store: !store ? resolve(directory, 'store') : store.includes('://') ? store : resolve(cwd, store),
    temporal: targetFromEnvironment(env),
  };
}
