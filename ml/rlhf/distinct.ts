import { words } from '../rewards/words.ts';

/**
 * distinct-n: different n-grams of words over all n-grams, over all texts together. 1 says that nothing repeats; a policy
 * that collapses to one reply falls towards 0. Depends on how much text there is: compare equal amounts only. 0 when no text
 * has n words.
 *
 * Source: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models" (NAACL 2016), section 5.
 */
export function distinct(texts: readonly string[], n: number): number {
  const seen = new Set<string>();
  let all = 0;
  for (const text of texts) {
    const tokens = words(text.toLowerCase());
    for (let i = 0; i + n <= tokens.length; i++) {
      seen.add(tokens.slice(i, i + n).join(' '));
      all++;
    }
  }
  return all > 0 ? seen.size / all : 0;
}
