import { stream } from '../../ml/random/stream.ts';
import { completed } from '../history.ts';
import { checkSpace, choiceIndex, toUnit, valueIn } from '../space.ts';
import type { Direction, Space, Trial } from '../types.ts';
import { growForest, type Leaf, type Side } from './forest.ts';

/**
 * How much each dimension matters to an objective: functional analysis of variance on a random forest (Hutter et al., "An Efficient
 * Approach for Assessing Hyperparameter Importance", ICML 2014). For each tree, the variance over the whole space of what it predicts,
 * and of that the share which a dimension explains by itself, all others averaged over; then the mean over the trees. What is
 * missing to 1 is owed to dimensions together. The space counts evenly as it is searched: a logarithmic dimension in its logarithm.
 *
 * Defaults: 64 trees. Trials that are not complete, or whose objective is not finite, are left out.
 *
 * @param objective which of the objectives, from 0
 * @returns for each dimension by name; null with fewer than 4 trials, or where all are equal
 */
export function importances(
  space: Space,
  directions: readonly Direction[],
  trials: readonly Trial[],
  objective: number,
  seed: number,
): Record<string, number> | null {
  checkSpace(space);
  const seen = completed(trials, directions).filter(({ losses }) => Number.isFinite(losses[objective]));
  if (seen.length < 4) return null;
  const points = seen.map(({ trial }) =>
    space.map((dimension) => {
      const value = valueIn(trial.values, dimension);
      return dimension.type === 'categorical' ? choiceIndex(dimension, value) : toUnit(dimension, value);
    }),
  );
  const values = seen.map(({ losses }) => losses[objective] as number);
  const categories = space.map((dimension) =>
    dimension.type === 'categorical' ? dimension.choices.length : 0,
  );
  const forest = growForest({ points, values, categories }, TREES, stream(seed, 'search.importance'));

  const sums = new Float64Array(space.length);
  let counted = 0;
  for (const leaves of forest) {
    const mean = leaves.reduce((sum, { value, box }) => sum + value * volumeOf(box), 0);
    const variance = leaves.reduce((sum, { value, box }) => sum + (value - mean) ** 2 * volumeOf(box), 0);
    if (!(variance > 0)) continue;
    counted += 1;
    for (let j = 0; j < space.length; j++)
      sums[j] = (sums[j] as number) + ownVariance(leaves, j, mean) / variance;
  }
  if (counted === 0) return null;
  return Object.fromEntries(space.map(({ name }, j) => [name, (sums[j] as number) / counted]));
}

const TREES = 64;

const lengthOf = (side: Side) =>
  'members' in side ? side.members.filter(Boolean).length / side.members.length : side.high - side.low;

const volumeOf = (box: readonly Side[]) => box.reduce((product, side) => product * lengthOf(side), 1);

/** The variance of a tree's mean over all other coordinates, as a function of coordinate j. */
function ownVariance(leaves: readonly Leaf[], j: number, mean: number): number {
  const [first] = leaves as [Leaf];
  const side = first.box[j] as Side;
  const others = (box: readonly Side[]) =>
    box.reduce((product, one, i) => (i === j ? product : product * lengthOf(one)), 1);
  if ('members' in side) {
    const means = new Float64Array(side.members.length);
    for (const { value, box } of leaves)
      for (const [at, member] of (box[j] as { members: boolean[] }).members.entries())
        if (member) means[at] = (means[at] as number) + value * others(box);
    return means.reduce((sum, own) => sum + (own - mean) ** 2, 0) / means.length;
  }
  // Each leaf adds its share where its interval begins and takes it away where it ends.
  const changes = leaves.flatMap(({ value, box }) => {
    const { low, high } = box[j] as { low: number; high: number };
    const share = value * others(box);
    return [
      { at: low, by: share },
      { at: high, by: -share },
    ];
  });
  changes.sort((a, b) => a.at - b.at);
  let variance = 0;
  let own = 0;
  let from = 0;
  for (const { at, by } of changes) {
    variance += (at - from) * (own - mean) ** 2;
    from = at;
    own += by;
  }
  return variance;
}
