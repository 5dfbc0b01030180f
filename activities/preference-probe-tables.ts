import type { LearnedReward } from '../ml/probes/preferences/learned-reward.ts';
import type { Estimate } from '../ml/stats/types.ts';
import type { Table } from '../store/table.ts';
import type { Json } from '../store/types.ts';

/** A row of the published classifier: of which variant, and its accuracy. */
export interface PublishedRow {
  name: string;
  /** In the words of the table. */
  what: string;
  accuracy: Estimate;
}

const estimate = (key: string, value: Estimate | null): Record<string, Json> => ({
  [key]: value?.value ?? null,
  [`${key}_low`]: value?.ci_low ?? null,
  [`${key}_high`]: value?.ci_high ?? null,
});

const WHAT: Record<string, string> = {
  tuned: 'activations of the tuned model',
  base: 'activations before tuning (control)',
  random: 'activations of a random model (control)',
  length: 'lengths of the responses (control)',
  tf_idf: 'words of the responses (control)',
};

/** What is read of the learned reward, from the tuned model and from its controls. */
export function learnedRewardTable({ readings, implicit, prompts }: LearnedReward, pairs: number): Table {
  const number = (key: string, label: string, definition: string) => ({
    ...{ key, label, format: 'number' as const, definition },
    interval: [`${key}_low`, `${key}_high`] as [string, string],
  });
  return {
    id: 'learned-preferences',
    title: 'What tuning taught the model to prefer',
    caption: `${pairs} pairs of ${prompts} prompts. The target is the implicit reward of the tuned model, which itself prefers the response that the feedback preferred in ${percent(implicit)} of pairs. Each reading comes from a fit on other prompts; intervals are of a bootstrap over prompts.`,
    columns: [
      { key: 'from', label: 'read from' },
      number(
        'tau',
        'tau',
        'Kendall’s tau between the implicit reward (chosen minus rejected, in an order drawn at random) and what is read of it.',
      ),
      {
        key: 'chance',
        label: 'by chance',
        format: 'number',
        definition: 'Mean tau of refits on rewards permuted among pairs.',
      },
      number('gap', 'tuned minus this', 'Difference of tau, the same pairs drawn for both.'),
      {
        key: 'p',
        label: 'p',
        format: 'number',
        definition:
          'Of the difference: permutations, adjusted over the controls (Holm). Tuned: of tau itself.',
      },
      number(
        'agrees',
        'agrees',
        'Share of pairs in which what is read prefers the same response as the implicit reward.',
      ),
      number(
        'prefersChosen',
        'prefers the chosen',
        'The same with the response that the feedback preferred.',
      ),
    ],
    rows: readings.map(({ name, measures, chance, gap }) => ({
      from: WHAT[name] ?? name,
      ...estimate('tau', measures.tau),
      chance: chance?.mean ?? null,
      ...estimate('gap', gap),
      p: (gap ? gap.p_value : chance?.p_value) ?? null,
      ...estimate('agrees', measures.agrees),
      ...estimate('prefersChosen', measures.prefersChosen),
    })),
  };
}

/** The published classifier, and what each of its mistakes does to it. */
export function publishedTable(rows: readonly PublishedRow[]): Table {
  const published = rows[0]?.accuracy.value ?? Number.NaN;
  return {
    id: 'published-preferences',
    title: 'The published classifier of preferred responses, and its mistakes',
    caption:
      'Accuracy at telling preferred from rejected responses by the label of the pair, responses alone. That it is above one half says that the two kinds of text differ in the activations; that it is as high before tuning says that tuning has no part in it.',
    columns: [
      { key: 'what', label: 'variant' },
      {
        key: 'accuracy',
        label: 'accuracy',
        format: 'number',
        interval: ['accuracy_low', 'accuracy_high'],
        definition: 'On the fifth of responses that was kept back; Wilson’s interval.',
      },
      { key: 'change', label: 'change', format: 'number', definition: 'Against the first row.' },
      { key: 'n', label: 'responses', format: 'integer' },
    ],
    rows: rows.map(({ what, accuracy }) => ({
      what,
      ...estimate('accuracy', accuracy),
      change: accuracy.value - published,
      n: accuracy.n,
    })),
  };
}

const percent = ({ value, ci_low, ci_high }: Estimate): string => {
  const of = (share: number) => `${Math.round(100 * share)}`;
  return ci_low === undefined || ci_high === undefined
    ? `${of(value)} %`
    : `${of(value)} % [${of(ci_low)}, ${of(ci_high)}]`;
};
