import type { MeanScore } from '../ml/features/scoring/measure.ts';
import type { Measure } from '../ml/features/scoring/types.ts';
import type { Feature } from '../ml/features/types.ts';
import type { Table } from '../store/table.ts';

export const MEASURES: Record<Measure, { label: string; definition: string }> = {
  detection: {
    label: 'detection',
    definition:
      'Balanced accuracy of saying, from the description, in which windows the feature is active; the others were drawn at random. 0.5: chance.',
  },
  'detection-hard': {
    label: 'detection, hard negatives',
    definition:
      'The same where the other windows are those in which the features with the most similar decoder rows are active and this one is silent.',
  },
  fuzzing: {
    label: 'fuzzing',
    definition:
      'Balanced accuracy of telling windows whose active tokens are marked from the same windows with silent tokens marked. 0.5: chance.',
  },
  simulation: {
    label: 'simulation',
    definition:
      'Pearson correlation of activations guessed from the description, token by token, with the real ones. 0: chance.',
  },
};

/** The measures over all features. */
export function scoresTable(means: readonly [Measure, MeanScore][], scorer: string): Table {
  return {
    id: 'description-scores',
    title: 'Whether the descriptions hold',
    caption: `Means over features, on texts that whoever described them has not seen; judged by ${scorer}. Beside each score stands that of the same questions asked with descriptions of other features. Intervals: bootstrap over features, each with its windows.`,
    columns: [
      {
        key: 'measure',
        label: 'measure',
        definition: means
          .map(([measure]) => `${MEASURES[measure].label}: ${MEASURES[measure].definition}`)
          .join(' '),
      },
      { key: 'own', label: 'own description', format: 'number', interval: ['own_low', 'own_high'] },
      {
        key: 'shuffled',
        label: 'others’ descriptions (control)',
        format: 'number',
        interval: ['shuffled_low', 'shuffled_high'],
      },
      { key: 'gap', label: 'difference', format: 'number', interval: ['gap_low', 'gap_high'] },
      {
        key: 'established',
        label: 'features established',
        format: 'integer',
        definition: 'Features whose own difference has an interval (bootstrap over windows) above 0.',
      },
      { key: 'n', label: 'of', format: 'integer' },
    ],
    rows: means.map(([measure, { own, shuffled, gap, established, compared }]) => ({
      measure: MEASURES[measure].label,
      own: own.value,
      own_low: own.ci_low ?? null,
      own_high: own.ci_high ?? null,
      shuffled: shuffled?.value ?? null,
      shuffled_low: shuffled?.ci_low ?? null,
      shuffled_high: shuffled?.ci_high ?? null,
      gap: gap?.value ?? null,
      gap_low: gap?.ci_low ?? null,
      gap_high: gap?.ci_high ?? null,
      established: gap ? established : null,
      n: compared > 0 ? compared : own.n,
    })),
  };
}

/** The scores of each feature. */
export function featureScoresTable(features: readonly Feature[]): Table {
  const measures = (Object.keys(MEASURES) as Measure[]).filter((measure) =>
    features.some(({ scores }) => scores?.[measure]),
  );
  return {
    id: 'description-scores-by-feature',
    title: 'Whether each description holds',
    caption:
      'Each score with its interval (balanced accuracies: Wilson’s of both shares; simulation: bootstrap over windows), and what it has over the same questions with another feature’s description (bootstrap over windows, paired).',
    columns: [
      { key: 'feature', label: 'feature' },
      { key: 'description', label: 'description' },
      ...measures.flatMap((measure) => [
        {
          key: measure,
          label: MEASURES[measure].label,
          definition: MEASURES[measure].definition,
          format: 'number' as const,
          interval: [`${measure}_low`, `${measure}_high`] as [string, string],
        },
        {
          key: `${measure}_gap`,
          label: '− others’',
          format: 'number' as const,
          interval: [`${measure}_gap_low`, `${measure}_gap_high`] as [string, string],
        },
      ]),
    ],
    rows: features.flatMap(({ layer, feature, explanation, scores }) => {
      if (!scores || explanation?.status !== 'labelled') return [];
      return [
        {
          feature: `layer ${layer} #${feature}`,
          description: explanation.text,
          ...Object.fromEntries(
            measures.flatMap((measure) => {
              const score = scores[measure];
              return [
                [measure, score?.own.value ?? null],
                [`${measure}_low`, score?.own.ci_low ?? null],
                [`${measure}_high`, score?.own.ci_high ?? null],
                [`${measure}_gap`, score?.gap?.value ?? null],
                [`${measure}_gap_low`, score?.gap?.ci_low ?? null],
                [`${measure}_gap_high`, score?.gap?.ci_high ?? null],
              ];
            }),
          ),
        },
      ];
    }),
  };
}
