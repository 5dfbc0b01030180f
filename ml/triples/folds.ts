import type { RandomStream } from '../random/stream.ts';
import { familyOf } from './families.ts';
import type { Ratings } from './types.ts';

/**
 * Deals word families into folds so that every fold gets about as many positive and as many negative words, over the whole
 * range of values: families are sorted by sign and value, and each goes to a fold that has fewest of its kind so far, ties
 * broken by the stream.
 *
 * @returns fold of each family
 */
export function dealFamilies(
  words: Iterable<string>,
  ratings: Ratings,
  folds: number,
  stream: RandomStream,
): Map<string, number> {
  const families = new Map<string, string[]>();
  for (const word of [...new Set(words)].sort()) {
    const family = familyOf(word);
    families.set(family, [...(families.get(family) ?? []), word]);
  }
  const mean = (members: string[]) =>
    members.reduce((sum, word) => sum + ratings.value(word), 0) / members.length;
  const sorted = [...families].sort(([a, x], [b, y]) => mean(x) - mean(y) || (a < b ? -1 : 1));
  const counts = { positive: new Int32Array(folds), negative: new Int32Array(folds) };
  const dealt = new Map<string, number>();
  for (const [family, members] of sorted) {
    const own = mean(members) > 0 ? counts.positive : counts.negative;
    const fewest = Math.min(...own);
    const fold = stream.choice([...own.keys()].filter((f) => own[f] === fewest));
    dealt.set(family, fold);
    for (const word of members) {
      const side = ratings.value(word) > 0 ? counts.positive : counts.negative;
      side[fold] = (side[fold] as number) + 1;
    }
  }
  return dealt;
}

/** Deals 0 .. count-1 into folds of equal size, in random order. */
export function dealEvenly(count: number, folds: number, stream: RandomStream): Int32Array {
  const out = new Int32Array(count);
  stream.permutation(count).forEach((item, position) => {
    out[item] = position % folds;
  });
  return out;
}
