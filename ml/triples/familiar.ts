/** Whether a word occurs at least `minimum` times in the texts, whatever its case. */
export function familiarWords(texts: readonly string[], minimum: number): (word: string) => boolean {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.toLowerCase().matchAll(/\p{L}[\p{L}'’-]*/gu)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return (word) => (counts.get(word.toLowerCase()) ?? 0) >= minimum;
}
