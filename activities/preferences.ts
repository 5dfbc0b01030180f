import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import type { LengthRules } from '../ml/preferences/token-pairs.ts';
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

/** How long sequences may be, as rlhf.reference and rlhf.dpo are told. */
export const lengthRules = (params: {
  'max-length': number;
  'max-prompt-length': number;
  truncation: 'keep-end' | 'keep-start';
  'end-of-text': boolean;
}): LengthRules => ({
  maxTokens: params['max-length'],
  maxPromptTokens: params['max-prompt-length'],
  keep: params.truncation === 'keep-end' ? 'end' : 'start',
  endOfText: params['end-of-text'],
});
