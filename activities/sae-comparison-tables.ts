import type { ComparedPair, MatchesFile } from '../ml/sae/comparison/types.ts';
import type { Table, TableColumn } from '../store/table.ts';
import type { Json } from '../store/types.ts';

/** What `sae.compare` shows: a row a pair of dictionaries, its most alike features, and those without a partner. */
export function comparisonTables(
  file: MatchesFile,
  listed: number,
): Record<'pairs' | 'partners' | 'unpartnered', Table> {
  return {
    pairs: pairsTable(file),
    partners: partnersTable(file, listed),
    unpartnered: unpartneredTable(file, listed),
  };
}

const PAIR_COLUMNS: TableColumn[] = [
  { key: 'first', label: 'first' },
  { key: 'second', label: 'second' },
  { key: 'layer', label: 'layer', format: 'integer' },
];

const namesOf = ({ dictionaries }: MatchesFile, pair: ComparedPair): Record<string, Json> => ({
  first: dictionaries[pair.first]!.from,
  second: dictionaries[pair.second]!.from,
  layer: dictionaries[pair.first]!.layer,
});

function pairsTable(file: MatchesFile): Table {
  const { threshold, texts } = file;
  const number = (key: string, label: string, definition: string): TableColumn => ({
    key,
    label,
    definition,
    format: 'number',
  });
  const assigned = file.pairs.some((pair) => pair.assigned);
  return {
    id: 'dictionary-pairs',
    title: 'Which dictionaries are alike',
    caption: `Cosines of the directions that features write, beside those of a first dictionary with permuted coordinates and of random directions. Partners: a cosine of ${threshold} or more.${texts ? ` Activations on ${texts.positions} positions of ${texts.texts} texts.` : ''}`,
    columns: [
      ...PAIR_COLUMNS,
      number('mmcs_first', 'MMCS', 'Mean over features of the first of the largest cosine to the second.'),
      number('mmcs_second', 'MMCS, back', 'The same from the second to the first.'),
      number('permuted', 'permuted', 'MMCS of the first with its coordinates in another order.'),
      number('random', 'random', 'MMCS of as many random directions.'),
      ...(assigned
        ? [
            number('assigned', 'one to one', 'Mean cosine of features paired one to one (Hungarian method).'),
            number('assigned_permuted', 'permuted', 'The same of the permuted first.'),
          ]
        : []),
      {
        key: 'only_first',
        label: 'only in first',
        format: 'integer',
        definition: 'Features of the first without a partner.',
      },
      {
        key: 'only_second',
        label: 'only in second',
        format: 'integer',
        definition: 'Features of the second without a partner.',
      },
      ...(assigned && texts
        ? [
            number(
              'correlation',
              'correlation',
              'Mean correlation of the activations of the pairs one to one.',
            ),
            number('correlation_permuted', 'permuted', 'The same with partners dealt anew.'),
          ]
        : []),
    ],
    rows: file.pairs.map((pair) => ({
      ...namesOf(file, pair),
      mmcs_first: mean(pair.likesOfFirst.cosine),
      mmcs_second: mean(pair.likesOfSecond.cosine),
      permuted: mean(pair.controls.permuted),
      random: mean(pair.controls.random),
      assigned: mean(pair.assigned?.cosine),
      assigned_permuted: mean(pair.controls.assignedPermuted),
      only_first: pair.likesOfFirst.cosine.filter((cosine) => cosine < threshold).length,
      only_second: pair.likesOfSecond.cosine.filter((cosine) => cosine < threshold).length,
      correlation: mean(pair.assigned?.correlation),
      correlation_permuted: mean(pair.controls.correlation),
    })),
  };
}

function partnersTable(file: MatchesFile, listed: number): Table {
  const rows = file.pairs.flatMap((pair) => {
    const { assigned, likesOfFirst } = pair;
    const all = assigned
      ? assigned.cosine.map((cosine, p) => ({
          first_feature: assigned.first[p]!,
          second_feature: assigned.second[p]!,
          cosine,
          correlation: assigned.correlation?.[p] ?? null,
        }))
      : likesOfFirst.cosine.map((cosine, feature) => ({
          first_feature: feature,
          second_feature: likesOfFirst.match[feature]!,
          cosine,
          correlation: null,
        }));
    return all
      .filter(({ cosine }) => cosine >= file.threshold)
      .sort((a, b) => b.cosine - a.cosine || a.first_feature - b.first_feature)
      .slice(0, listed)
      .map((row) => ({ ...namesOf(file, pair), ...row }));
  });
  return {
    id: 'feature-partners',
    title: 'Features that are alike',
    caption: `The ${listed} most alike pairs of features of each comparison, of those with a cosine of ${file.threshold} or more. matches.json of the step has all.`,
    columns: [
      ...PAIR_COLUMNS,
      { key: 'first_feature', label: 'feature', format: 'integer' },
      { key: 'second_feature', label: 'its partner', format: 'integer' },
      { key: 'cosine', label: 'cosine', format: 'number' },
      ...(file.texts
        ? [{ key: 'correlation', label: 'correlation of activations', format: 'number' as const }]
        : []),
    ],
    rows,
  };
}

function unpartneredTable(file: MatchesFile, listed: number): Table {
  const rows = file.pairs.flatMap((pair) =>
    [['first', pair.likesOfFirst] as const, ['second', pair.likesOfSecond] as const].flatMap(
      ([side, likes]) => {
        const { density } = file.dictionaries[pair[side]]!;
        const order = density
          ? (a: Row, b: Row) => (b.density ?? 0) - (a.density ?? 0) || a.feature - b.feature
          : (a: Row, b: Row) => a.cosine - b.cosine || a.feature - b.feature;
        return likes.cosine
          .map((cosine, feature): Row => ({ feature, cosine, density: density?.[feature] ?? null }))
          .filter((row) => row.cosine < file.threshold)
          .sort(order)
          .slice(0, listed)
          .map((row) => ({ ...namesOf(file, pair), in: side, ...row }));
      },
    ),
  );
  return {
    id: 'features-without-partner',
    title: 'Features of one dictionary only',
    caption: `Features whose largest cosine to the other dictionary is below ${file.threshold}, ${file.texts ? 'those that fire most first' : 'those with the smallest first'}, ${listed} a dictionary and comparison. matches.json of the step has all.`,
    columns: [
      ...PAIR_COLUMNS,
      { key: 'in', label: 'found in' },
      { key: 'feature', label: 'feature', format: 'integer' },
      { key: 'cosine', label: 'largest cosine', format: 'number' },
      ...(file.texts ? [{ key: 'density', label: 'fires at', format: 'percent' as const }] : []),
    ],
    rows,
  };
}

interface Row {
  feature: number;
  cosine: number;
  density: number | null;
}

/** null where there is nothing to average. */
function mean(values: readonly (number | null)[] | null | undefined): number | null {
  const known = (values ?? []).filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
