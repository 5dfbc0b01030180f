/** The sets of disposable blobs, from the paths `<name>/ab/abcdef…` of their blobs. */
export async function setsOf(
  blobs: AsyncIterable<{ parts: string[]; size: number; modified: Date }>,
): Promise<{ name: string; size: number; modified: Date }[]> {
  const sets = new Map<string, { name: string; size: number; modified: Date }>();
  for await (const { parts, size, modified } of blobs) {
    const name = parts.slice(0, -2).join('/');
    const set = sets.get(name) ?? { name, size: 0, modified };
    const latest = Math.max(set.modified.getTime(), modified.getTime());
    sets.set(name, { name, size: set.size + size, modified: new Date(latest) });
  }
  return [...sets.values()];
}
