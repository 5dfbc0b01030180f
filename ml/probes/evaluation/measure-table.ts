import type { Evaluation } from './evaluate.ts';
import { MEASURES, type Measure } from './measures.ts';
import { finite, labels, measureColumn, type ProbeTable, ROLE_LABELS, withInterval } from './tables.ts';

const NAMES: Record<Measure, string> = {
  tau: 'Kendall τ-b',
  tauPositive: 'Kendall τ-b, positive words',
  tauNegative: 'Kendall τ-b, negative words',
  tauWithin: 'Kendall τ-b within sign',
  spearman: 'Spearman ρ',
  pearson: 'Pearson r',
  auc: 'AUC of the sign',
  signAccuracy: 'sign accuracy, words',
  accuracy: 'sign accuracy, occurrences',
};

/** Every measure of every probe, one a row. */
export function measureTable({ cells }: Evaluation): ProbeTable {
  return {
    id: 'probe-measures',
    title: 'Every measure of every probe',
    caption:
      'Over words that predictions were compared on; corrected probes are compared within folds. Intervals: 95 % bootstrap (BCa) over word families.',
    columns: [
      { key: 'protocol', label: 'protocol', format: 'text' },
      { key: 'method', label: 'probe', format: 'text' },
      { key: 'inputs', label: 'inputs', format: 'text' },
      { key: 'model', label: 'model', format: 'text' },
      { key: 'control', label: 'control', format: 'text' },
      { key: 'measure', label: 'measure', format: 'text' },
      measureColumn('value', 'value', 'The mean over seeds where there are several.'),
      {
        key: 'p_shuffled',
        label: 'p (shuffled)',
        format: 'p-value',
        definition:
          'Two-sided: the share of refits on permuted feedback that are at least as far from what no effect gives (0; of AUC and accuracy 1/2), the observed one counted.',
      },
      { key: 'families', label: 'word families', format: 'integer' },
    ],
    rows: cells.flatMap(({ cell, measures, chances }) =>
      MEASURES.map((measure) => ({
        ...labels(cell),
        model: ROLE_LABELS[cell.role],
        control: cell.control === 'none' ? '' : cell.control,
        measure: NAMES[measure],
        ...withInterval('value', measures[measure]),
        p_shuffled: finite(chances[measure]?.p_value),
        families: measures[measure].n,
      })),
    ),
  };
}
