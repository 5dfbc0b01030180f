import { stream } from '../../ml/random/stream.ts';
import { familyOf } from '../../ml/triples/families.ts';

/**
 * The hidden subset: of the words that the analysis reads, those of a random half of the families of each sign, with their
 * values. A family's sign is that of the sum of its values. Drawn anew for every seed, so that what a half happens to hold
 * (rare words, say, that any model reads badly) is for no score and against none. Stream `planted/half`.
 */
export function rewardedHalf(values: ReadonlyMap<string, number>, seed: number): Map<string, number> {
  const draws = stream(seed, 'planted/half');
  const families = new Map<string, string[]>();
  for (const word of [...values.keys()].sort()) {
    const family = familyOf(word);
    families.set(family, [...(families.get(family) ?? []), word]);
  }
  const signOf = (words: string[]) =>
    Math.sign(words.reduce((sum, word) => sum + (values.get(word) as number), 0));
  const half = [-1, 0, 1].flatMap((sign) => {
    const members = [...families.values()].filter((words) => signOf(words) === sign);
    return [...draws.permutation(members.length)]
      .slice(0, Math.round(members.length / 2))
      .flatMap((i) => members[i] as string[]);
  });
  return new Map(half.sort().map((word) => [word, values.get(word) as number]));
}
