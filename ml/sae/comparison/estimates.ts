import type { RandomStream } from '../../random/stream.ts';
import { bootstrap } from '../../stats/bootstrap.ts';
import { quantileOfSorted } from '../../stats/quantile.ts';
import type { Estimate } from '../../stats/types.ts';
import type { ComparedPair, MatchesFile } from './types.ts';

/** What is averaged: one value for each feature (or pair of features) of each compared pair of dictionaries. */
type Values = (pair: ComparedPair, file: MatchesFile) => readonly (number | null)[] | null | undefined;

/** Features that fire at least once on the texts; all where no texts were given. */
const alive = (file: MatchesFile, dictionary: number) => (value: number, feature: number) =>
  (file.dictionaries[dictionary]?.density?.[feature] ?? 1) > 0 ? value : null;
const partnered =
  ({ threshold }: MatchesFile) =>
  (cosine: number) =>
    Number(cosine >= threshold);

const OF_FEATURES: Record<string, { of: 'first' | 'second' | 'pair'; values: Values }> = {
  mmcs_first: { of: 'first', values: (pair) => pair.likesOfFirst.cosine },
  mmcs_second: { of: 'second', values: (pair) => pair.likesOfSecond.cosine },
  mmcs_random: { of: 'first', values: (pair) => pair.controls.random },
  mmcs_permuted: { of: 'first', values: (pair) => pair.controls.permuted },
  mmcs_assigned: { of: 'pair', values: (pair) => pair.assigned?.cosine },
  mmcs_assigned_random: { of: 'pair', values: (pair) => pair.controls.assignedRandom },
  mmcs_assigned_permuted: { of: 'pair', values: (pair) => pair.controls.assignedPermuted },
  partnered_first: {
    of: 'first',
    values: (pair, file) => pair.likesOfFirst.cosine.map(partnered(file)),
  },
  partnered_second: {
    of: 'second',
    values: (pair, file) => pair.likesOfSecond.cosine.map(partnered(file)),
  },
  partnered_permuted: { of: 'first', values: (pair, file) => pair.controls.permuted.map(partnered(file)) },
};

/** Of dictionaries whose activations were compared too. */
const OF_ACTIVE_FEATURES: typeof OF_FEATURES = {
  mmcs_first_alive: {
    of: 'first',
    values: (pair, file) => pair.likesOfFirst.cosine.map(alive(file, pair.first)),
  },
  mmcs_second_alive: {
    of: 'second',
    values: (pair, file) => pair.likesOfSecond.cosine.map(alive(file, pair.second)),
  },
  correlation: { of: 'pair', values: (pair) => pair.assigned?.correlation },
  correlation_permuted: { of: 'pair', values: (pair) => pair.controls.correlation },
};

/**
 * Every measure of the comparison: the mean over the pairs of dictionaries of the mean over features. Its interval is that
 * of the bootstrap over features: a feature is drawn with all its values, in whatever pairs its dictionary is. It tells how
 * much the measure would differ for other features of the same dictionaries, not for dictionaries trained anew.
 */
export function estimateComparison(file: MatchesFile, stream: RandomStream): Record<string, Estimate> {
  const measures = { ...OF_FEATURES, ...(file.texts && OF_ACTIVE_FEATURES) };
  const out: Record<string, Estimate> = {};
  for (const [name, { of, values }] of Object.entries(measures)) {
    const estimate = meanOverPairs(file, of, values, stream);
    if (estimate) out[name] = estimate;
  }
  const chance = Float64Array.from(file.pairs.flatMap((pair) => pair.controls.permuted)).sort();
  out.cosine_chance = { value: quantileOfSorted(chance, 0.95), n: chance.length, n_unit: 'feature' };
  return out;
}

function meanOverPairs(
  file: MatchesFile,
  of: 'first' | 'second' | 'pair',
  values: Values,
  stream: RandomStream,
): Estimate | undefined {
  const value: number[] = [];
  const pairOf: number[] = [];
  const feature: string[] = [];
  file.pairs.forEach((pair, p) => {
    // A pairing's values are in the order of the features of the smaller dictionary.
    const smaller = pair.likesOfFirst.cosine.length <= pair.likesOfSecond.cosine.length ? 'first' : 'second';
    const dictionary = pair[of === 'pair' ? smaller : of];
    values(pair, file)?.forEach((each, i) => {
      if (each === null) return;
      value.push(each);
      pairOf.push(p);
      feature.push(`${dictionary}:${i}`);
    });
  });
  if (value.length === 0) return undefined;
  const sums = new Float64Array(file.pairs.length);
  const counts = new Float64Array(file.pairs.length);
  const statistic = (rows: Int32Array): number => {
    sums.fill(0);
    counts.fill(0);
    for (const row of rows) {
      sums[pairOf[row]!]! += value[row]!;
      counts[pairOf[row]!]! += 1;
    }
    let total = 0;
    let pairs = 0;
    for (let p = 0; p < sums.length; p++) {
      if (counts[p] === 0) continue;
      total += sums[p]! / counts[p]!;
      pairs++;
    }
    return total / pairs;
  };
  return bootstrap(value.length, statistic, { stream, unit: 'feature', clusters: feature, replicates: 1000 });
}
