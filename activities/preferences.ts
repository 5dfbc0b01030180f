import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import type { PreferencePair } from '../ml/preferences/types.ts';
import { readJsonLines } from './json-lines.ts';

/** The pairs of a `preferences` artifact, in order. @throws ComputeError bad-data naming the line that is not a pair */
export async function readPreferences(directory: string): Promise<PreferencePair[]> {
  const path = join(directory, 'preferences.jsonl');
  const pairs: PreferencePair[] = [];
  for await (const row of readJsonLines<Record<string, unknown>>(path)) {
    const { prompt, chosen, rejected, margin } = row;
    if (typeof prompt !== 'string' || typeof chosen !== 'string' || typeof rejected !== 'string')
      throw new ComputeError(
        'bad-data',
        `${path}: row ${pairs.length + 1} lacks a string \`prompt\`, \`chosen\` or \`rejected\``,
      );
    pairs.push({ prompt, chosen, rejected, ...(typeof margin === 'number' && { margin }) });
  }
  return pairs;
}
