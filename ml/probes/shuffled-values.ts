import type { RandomStream } from '../random/stream.ts';
import { familyOf } from '../triples/families.ts';

/**
 * The shuffled-labels control: every word gets the value of some other word, the same at all its occurrences. Values travel
 * in families (families.ts), since the words of a family have like values and like features: a family's words take in turn
 * the values of the family drawn for them.
 */
export function shuffleValues(
  values: ReadonlyMap<string, number>,
  stream: RandomStream,
): Map<string, number> {
  const families = new Map<string, string[]>();
  for (const word of [...values.keys()].sort()) {
    const family = familyOf(word);
    families.set(family, [...(families.get(family) ?? []), word]);
  }
  const members = [...families.values()];
  const shuffled = new Map<string, number>();
  stream.permutation(members.length).forEach((donor, receiver) => {
    const donors = members[donor] as string[];
    (members[receiver] as string[]).forEach((word, i) => {
      shuffled.set(word, values.get(donors[i % donors.length] as string) as number);
    });
  });
  return shuffled;
}
