import type { PreferencePair } from '../../../ml/preferences/types.ts';
import { stream } from '../../../ml/random/stream.ts';

const OPENINGS = [
  'the film was',
  'a plot was',
  'the actor was',
  'it was',
  'a film and a plot',
  'the plot and it',
];
const GOOD = ['good', 'superb'];
const BAD = ['bad', 'awful'];
const FILLER = ['the', 'a', 'and', 'it', 'film', 'plot'];

/** Pairs that differ in one thing: the preferred completion has a good word where the other one has a bad one. */
export function plantedPairs(count: number, seed = 0): PreferencePair[] {
  const random = stream(seed, 'planted');
  return Array.from({ length: count }, (_, i) => {
    const filler = Array.from({ length: i % 3 }, () => random.choice(FILLER));
    const completion = (words: readonly string[]) => ` ${[...filler, random.choice(words)].join(' ')}`;
    const prompt = `${random.choice(FILLER)} ${random.choice(OPENINGS)}`;
    return { prompt, chosen: completion(GOOD), rejected: completion(BAD) };
  });
}
