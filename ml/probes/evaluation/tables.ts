import type { Estimate } from '../../stats/types.ts';
import type { Protocol, Representation, Role } from '../types.ts';
import { type Cell, findCell } from './cells.ts';
import type { EvaluatedCell, Evaluation } from './evaluate.ts';
import { publishedRows, type Switch } from './published.ts';

/** A table as the store keeps it (`table.json`); every number that could not be computed is null. */
export interface ProbeTable {
  id: string;
  title: string;
  caption: string;
  columns: {
    key: string;
    label: string;
    definition?: string;
    format?: 'text' | 'integer' | 'number' | 'percent' | 'p-value';
    interval?: [low: string, high: string];
  }[];
  rows: Record<string, string | number | null>[];
}

export const ROLE_LABELS: Record<Role, string> = {
  tuned: 'tuned',
  base: 'before tuning',
  random: 'randomly initialised',
};
export const REPRESENTATION_LABELS: Record<Representation, string> = {
  sae: 'SAE features',
  raw: 'raw activations',
  pca: 'principal components',
  'layer-0': 'what enters layer 0',
  'bag-of-words': 'bag of words',
  'tf-idf': 'TF-IDF',
  length: 'length of the text',
};
const PROTOCOL_LABELS: Record<Protocol, string> = { corrected: 'corrected', faithful: 'as published' };

export const finite = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** `tau`, `tau_low`, `tau_high` ... of an estimate. */
export function withInterval(key: string, estimate: Estimate): Record<string, number | null> {
  return {
    [key]: finite(estimate.value),
    [`${key}_low`]: finite(estimate.ci_low),
    [`${key}_high`]: finite(estimate.ci_high),
  };
}

export const labels = (cell: Cell) => ({
  protocol: PROTOCOL_LABELS[cell.protocol],
  method: cell.method,
  inputs: REPRESENTATION_LABELS[cell.representation],
});

export const measureColumn = (
  key: string,
  label: string,
  definition: string,
  format: 'number' | 'percent' = 'number',
): ProbeTable['columns'][number] => ({
  key,
  label,
  definition,
  format,
  interval: [`${key}_low`, `${key}_high`],
});

export function mainTable(evaluation: Evaluation, switches: readonly Switch[]): ProbeTable {
  const rows = evaluation.cells.flatMap((entry) => [cellRow(entry), ...chanceRow(entry)]);
  const published = publishedRows(evaluation.cells, switches).map(
    ({ switches: on, tau, p_value, words }): ProbeTable['rows'][number] => ({
      protocol: 'as published',
      method: 'ridge',
      inputs: REPRESENTATION_LABELS.sae,
      model: ROLE_LABELS[on.includes('base-model-activations') ? 'base' : 'tuned'],
      control: on.join(' + '),
      words,
      tau: finite(tau),
      p_value: finite(p_value),
    }),
  );
  return {
    id: 'probes',
    title: 'What the probes read',
    caption:
      `Predictions of the feedback that a word was given, from the model's activations at that word, over ${evaluation.words.length} words ` +
      `(${evaluation.families} word families). Corrected: every word is predicted by a probe that saw neither the word, nor its family, ` +
      'nor its documents. As published: split by triple, so the same words are fitted and tested, with targets whose sign is the label. ' +
      'Intervals: 95 % bootstrap (BCa) over word families, for probes as fitted. A control row says what stands in for the real thing.',
    columns: [
      { key: 'protocol', label: 'protocol', format: 'text' },
      { key: 'method', label: 'probe', format: 'text' },
      { key: 'inputs', label: 'inputs', format: 'text' },
      { key: 'model', label: 'model', format: 'text' },
      {
        key: 'control',
        label: 'control',
        format: 'text',
        definition:
          'shuffled feedback: the whole procedure on values permuted among word families, with the mean and the central 95 % of the permutations. untrained: random weights. base-model-activations, tau-on-strings: the published analysis with these of its mistakes.',
      },
      {
        key: 'words',
        label: 'words',
        format: 'integer',
        definition: 'Words that predictions were compared on.',
      },
      measureColumn(
        'tau',
        'τ-b',
        "Kendall's tau-b between the feedback of a word and the mean prediction at its occurrences; corrected: over pairs of words of the same fold.",
      ),
      {
        key: 'p_value',
        label: 'p',
        format: 'p-value',
        definition:
          'Two-sided, of no association: asymptotic, ties corrected. Takes words as independent, which predictions across folds are not quite: prefer p (shuffled).',
      },
      {
        key: 'p_shuffled',
        label: 'p (shuffled)',
        format: 'p-value',
        definition:
          'Two-sided: the share of permutations with a tau at least as far from 0, the observed one counted.',
      },
      measureColumn(
        'tau_within',
        'τ-b within sign',
        'The same over pairs of words of like sign: the order beyond polarity.',
      ),
      measureColumn('tau_positive', 'τ-b positive', 'Among positive words.'),
      measureColumn('tau_negative', 'τ-b negative', 'Among negative words.'),
      measureColumn(
        'sign_accuracy',
        'sign accuracy',
        'Share of words whose prediction has the right sign.',
        'percent',
      ),
      {
        key: 'r_squared',
        label: 'R²',
        format: 'number',
        definition: '1 - squared errors / squared deviations from the mean value, over words.',
      },
      measureColumn(
        'selectivity',
        'selectivity',
        'Tau-b on words that were fitted, minus the mean tau-b when each word has the value of another at random (control task; Hewitt and Liang, 2019), both on the same words. Near 0: the probe remembers words, whatever they are worth.',
      ),
    ],
    rows: [...rows, ...published],
  };
}

function cellRow({
  cell,
  measures,
  pValue,
  rSquared,
  chances,
  selectivity,
  words,
}: EvaluatedCell): ProbeTable['rows'][number] {
  return {
    ...labels(cell),
    model: ROLE_LABELS[cell.role],
    control: cell.control === 'none' ? '' : cell.control,
    words,
    ...withInterval('tau', measures.tau),
    p_value: finite(pValue),
    p_shuffled: finite(chances.tau?.p_value),
    ...withInterval('tau_within', measures.tauWithin),
    ...withInterval('tau_positive', measures.tauPositive),
    ...withInterval('tau_negative', measures.tauNegative),
    ...withInterval('sign_accuracy', measures.signAccuracy),
    r_squared: finite(rSquared),
    ...(selectivity ? withInterval('selectivity', selectivity) : { selectivity: null }),
  };
}

function chanceRow({ cell, chances, words }: EvaluatedCell): ProbeTable['rows'] {
  const { tau: chance, signAccuracy: chanceSign } = chances;
  if (!chance || cell.role !== 'tuned' || cell.control !== 'none') return [];
  return [
    {
      ...labels(cell),
      model: ROLE_LABELS[cell.role],
      control: 'shuffled feedback',
      words,
      tau: chance.mean,
      tau_low: chance.low,
      tau_high: chance.high,
      sign_accuracy: finite(chanceSign?.mean),
      sign_accuracy_low: finite(chanceSign?.low),
      sign_accuracy_high: finite(chanceSign?.high),
    },
  ];
}

/** One row a word and model: the corrected ridge, on dictionary features if there are any. For figures. */
export function predictionTable({ cells }: Evaluation): ProbeTable {
  const all = cells.map(({ cell }) => cell);
  const wanted = { method: 'ridge', protocol: 'corrected', control: 'none' } as const;
  const rows = (['tuned', 'base', 'random'] as const).flatMap((role) => {
    const cell =
      findCell(all, { ...wanted, role, representation: 'sae' }) ??
      findCell(all, { ...wanted, role, representation: 'raw' });
    if (!cell) return [];
    const sums = new Map<string, { value: number; sum: number; count: number }>();
    for (const { reading } of cell.runs) {
      reading.words.forEach((word, i) => {
        const entry = sums.get(word) ?? { value: reading.values[i] as number, sum: 0, count: 0 };
        entry.sum += reading.predictions[i] as number;
        entry.count++;
        sums.set(word, entry);
      });
    }
    return [...sums].map(([word, { value, sum, count }]) => ({
      model: ROLE_LABELS[role],
      word,
      value,
      prediction: finite(sum / count),
    }));
  });
  return {
    id: 'predictions',
    title: 'Predictions, word by word',
    caption:
      'Mean prediction of the corrected ridge probe at the occurrences of each word, by a probe that never saw the word; over all seeds.',
    columns: [
      { key: 'model', label: 'model', format: 'text' },
      { key: 'word', label: 'word', format: 'text' },
      { key: 'value', label: 'feedback given', format: 'number' },
      { key: 'prediction', label: 'prediction', format: 'number' },
    ],
    rows,
  };
}
