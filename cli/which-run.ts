import type { Store } from '../store/types.ts';
import { listRuns, type RunRecord } from '../worker/runs.ts';
import { UserError } from './errors.ts';

/**
 * The run that a command means: by its id, by the beginning of one, by its experiment's name (the latest run), or, without a
 * word, the latest of all.
 */
export async function whichRun(store: Store, word: string | undefined): Promise<RunRecord> {
  const runs = await listRuns(store);
  if (runs.length === 0) {
    throw new UserError(`There are no runs in ${store.location}.`, '`plumb run FILE` starts one.');
  }
  if (word === undefined) return runs[0]!;
  const found = runs.find(({ id }) => id === word) ?? runs.find(({ experiment }) => experiment === word);
  if (found) return found;
  const matches = runs.filter(({ id }) => id.startsWith(word));
  if (matches.length === 1) return matches[0]!;
  const some = runs.slice(0, 5).map(({ id }) => id);
  throw new UserError(
    matches.length > 1 ? `${word} could be ${matches.length} runs.` : `There is no run ${word}.`,
    `The latest are: ${some.join(', ')}. \`plumb status\` lists all.`,
  );
}
