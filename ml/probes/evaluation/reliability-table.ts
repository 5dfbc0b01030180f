import { calibration } from '../../stats/calibration.ts';
import type { Evaluation } from './evaluate.ts';
import { finite, labels, type ProbeTable, ROLE_LABELS, withInterval } from './tables.ts';

const BINS = 10;

/**
 * Whether probabilities of the corrected classifiers are what they say: in bins of predicted probability, the share of
 * occurrences that are positive. Calibrated by platt.ts on other folds, and as the fit gave them. No rows without
 * classifiers.
 */
export function reliabilityTable({ cells }: Evaluation): ProbeTable {
  const rows = cells.flatMap(({ cell }) => {
    const own = cell.runs.flatMap(({ probabilities }) => probabilities ?? []);
    if (own.length === 0) return [];
    const positive = own.flatMap((run) => run.positive);
    const given = {
      calibrated: own.flatMap((run) => run.calibrated),
      'as fitted': own.flatMap((run) => run.odds.map((odds) => 1 / (1 + Math.exp(-odds)))),
    };
    return Object.entries(given).flatMap(([probability, predicted]) => {
      const { bins, expectedError } = calibration(predicted, positive, {
        ...{ bins: BINS, lowest: 0, unit: 'occurrence' },
      });
      const brier =
        predicted.reduce((sum, p, i) => sum + (p - Number(positive[i])) ** 2, 0) / predicted.length;
      return bins
        .filter(({ n }) => n > 0)
        .map((bin) => ({
          ...labels(cell),
          model: ROLE_LABELS[cell.role],
          probability,
          predicted: finite(bin.confidence),
          ...(bin.accuracy ? withInterval('observed', bin.accuracy) : {}),
          n: bin.n,
          expected_error: expectedError,
          brier,
        }));
    });
  });
  return {
    id: 'probe-reliability',
    title: 'Reliability of the classifiers',
    caption:
      'Occurrences of held-out words by the probability of a positive word that the probe gave them, in ten bins, and the share that is positive. Calibrated: by a sigmoid fitted to what probes say of words and texts that they were not fitted on. Intervals take occurrences as independent, which those of one word are not.',
    columns: [
      { key: 'protocol', label: 'protocol', format: 'text' },
      { key: 'method', label: 'probe', format: 'text' },
      { key: 'inputs', label: 'inputs', format: 'text' },
      { key: 'model', label: 'model', format: 'text' },
      { key: 'probability', label: 'probability', format: 'text' },
      { key: 'predicted', label: 'predicted', format: 'percent', definition: 'Mean probability in the bin.' },
      {
        key: 'observed',
        label: 'observed',
        format: 'percent',
        definition: 'Share of positive occurrences in the bin.',
        interval: ['observed_low', 'observed_high'],
      },
      { key: 'n', label: 'occurrences', format: 'integer' },
      {
        key: 'expected_error',
        label: 'expected error',
        format: 'number',
        definition: 'Of all bins: the mean distance of predicted and observed, by occurrences.',
      },
      {
        key: 'brier',
        label: 'Brier score',
        format: 'number',
        definition:
          'Of all occurrences: mean squared distance of probability and truth; 1/4 for knowing nothing.',
      },
    ],
    rows,
  };
}
