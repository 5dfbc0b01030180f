import { identity, UNKNOWN, type Value } from './value.ts';

export type Combination = Record<string, Value>;

/**
 * The combinations of a matrix, as GitHub Actions forms them: the product of the axes, the last varying fastest; without those
 * that an `exclude` matches in all its values; then each `include` either adds its values to every combination whose axes it
 * does not contradict, or, if there is none, becomes a combination of its own.
 */
export function combinations(
  axes: readonly { name: string; values: readonly Value[] }[],
  include: readonly Combination[],
  exclude: readonly Combination[],
): Combination[] {
  let product: Combination[] = axes.length === 0 ? [] : [{}];
  for (const { name, values } of axes) {
    product = product.flatMap((combination) => values.map((value) => ({ ...combination, [name]: value })));
  }
  const excluded = exclude.map(identities);
  const kept =
    excluded.length === 0 ? product : product.filter((one) => !excluded.some((pairs) => matches(one, pairs)));

  const names = new Set(axes.map(({ name }) => name));
  const added: Combination[] = [];
  for (const extra of include) {
    const pairs = identities(extra).filter(([name]) => names.has(name));
    const extended =
      pairs.length === Object.keys(extra).length ? [] : kept.filter((one) => matches(one, pairs));
    for (const one of extended) {
      for (const [name, value] of Object.entries(extra)) if (!names.has(name)) one[name] = value;
    }
    // One that only repeats values of the axes adds nothing where it fits, and is a combination where none fits.
    if (
      extended.length === 0 &&
      !kept.some((one) => matches(one, pairs) && pairs.length === Object.keys(extra).length)
    ) {
      added.push({ ...extra });
    }
  }
  return [...kept, ...added];
}

/** How many of the product an `exclude` matches. */
export function excludedBy(
  axes: readonly { name: string; values: readonly Value[] }[],
  exclude: Combination,
): number {
  const pairs = identities(exclude);
  let count = 1;
  for (const { name, values } of axes) {
    const wanted = pairs.find(([other]) => other === name);
    count *= wanted ? values.filter((value) => identity(value) === wanted[1]).length : values.length;
  }
  return pairs.every(([name]) => axes.some((axis) => axis.name === name)) ? count : 0;
}

const identities = (combination: Combination) =>
  Object.entries(combination).map(([name, value]) => [name, identity(value)] as const);

function matches(
  combination: Combination,
  pairs: readonly (readonly [string, string | typeof UNKNOWN])[],
): boolean {
  return pairs.every(([name, wanted]) => {
    const own = name in combination ? identity(combination[name]) : undefined;
    return own !== undefined && own !== UNKNOWN && own === wanted;
  });
}
