import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreferencePair } from '../../../ml/preferences/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { reward, TEXTS } from '../rlhf/tiny.ts';

/** Pairs in which the completion with the better words was chosen, the margin being how much better. */
export function plantedPairs(count: number, seed = 0): PreferencePair[] {
  const random = stream(seed, 'planted pairs');
  const pairs: PreferencePair[] = [];
  while (pairs.length < count) {
    const prompt = random.choice(TEXTS).split(' ').slice(0, 3).join(' ');
    const completions = [random.choice(TEXTS), random.choice(TEXTS)].map((text) => ` ${text}`);
    const [a, b] = reward.score(completions.map((completion) => ({ prompt, completion }))) as number[];
    if (a === b) continue;
    const [chosen, rejected] = (a! > b! ? completions : completions.reverse()) as [string, string];
    pairs.push({ prompt, chosen, rejected, margin: Math.abs(a! - b!) });
  }
  return pairs;
}

/** The pairs as an artifact's directory. */
export function preferencesDirectory(pairs: readonly PreferencePair[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'preferences-'));
  writeFileSync(
    join(directory, 'preferences.jsonl'),
    pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''),
  );
  return directory;
}
