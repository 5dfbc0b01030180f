/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each 1
 * (Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.2).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/** The known name that was most likely meant, if one is near: case, hyphens and underscores count little. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const plain = normal(name);
  let best: string | undefined;
  // One slip in a word of one or two letters makes another word; numbers are not mistyped but meant.
  const slips = /^[\d.e+-]+$/.test(name)
    ? 0
    : plain.length <= 2
      ? 0
      : Math.max(1, Math.floor(plain.length / 3));
  let bestDistance = slips + 0.5;
  for (const candidate of known) {
    const other = normal(candidate);
    const distance = plain === other ? 0.25 : partial(plain, other) ? 1.25 : editDistance(plain, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

const normal = (name: string) => name.toLowerCase().replaceAll(/[_\s-]/g, '');

/** `lr` is no part of `learningrate`, but `rate` and `dictionary` (of `dictionaries`) are near. */
const partial = (name: string, known: string) =>
  name.length >= 4 && (known.startsWith(name) || known.endsWith(name) || name.startsWith(known));

/** A hint: the nearest name, else the names there are (if they are few enough to read). */
export function didYouMean(
  name: string,
  known: Iterable<string>,
  listed = 'Known here',
  quoted: (name: string) => string = (text) => text,
): string | undefined {
  const names = [...known];
  const guess = nearest(name, names);
  if (guess !== undefined) return `Did you mean ${quoted(guess)}?`;
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 24).map(quoted).join(', ');
  return `${listed}: ${shown}${names.length > 24 ? `, and ${names.length - 24} more` : ''}.`;
}
