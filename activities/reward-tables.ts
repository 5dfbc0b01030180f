import type { RewardStep } from '../ml/classifiers/reward-trainer.ts';
import type { Calibration } from '../ml/stats/calibration.ts';
import type { Table, TableColumn } from '../store/table.ts';

/** Rows of the curve: a report needs no more, however long the training was. */
const MOST_ROWS = 200;

const DEFINITIONS: Record<keyof RewardStep, string> = {
  loss: 'Mean loss of the batch before its update, in nats a pair.',
  accuracy: 'Share of the batch whose chosen text scored higher, before its update.',
  margin: 'Mean score of the chosen text minus that of the rejected one, before the update.',
  score: 'Mean score of both texts, before the update.',
  gradient_norm: 'Global norm of the gradient before clipping.',
  learning_rate: 'Of AdamW in the step.',
};

export function rewardHistoryTable(history: readonly RewardStep[]): Table {
  const size = Math.ceil(history.length / MOST_ROWS);
  const starts = Array.from({ length: Math.ceil(history.length / size) }, (_, i) => i * size);
  const keys = Object.keys(DEFINITIONS) as (keyof RewardStep)[];
  return {
    id: 'reward-history',
    title: 'Reward model, step by step',
    caption: `Measured on the training batches${size > 1 ? `, means of ${size} steps` : ''}.`,
    columns: [
      { key: 'step', label: 'step', format: 'integer' },
      ...keys.map(
        (key): TableColumn => ({
          key,
          label: key.replaceAll('_', ' '),
          definition: DEFINITIONS[key],
          format: key === 'accuracy' ? 'percent' : 'number',
        }),
      ),
    ],
    rows: starts.map((start) => {
      const part = history.slice(start, start + size);
      const means = keys.map((key) => [key, part.reduce((sum, step) => sum + step[key], 0) / part.length]);
      return { step: start + part.length, ...Object.fromEntries(means) };
    }),
  };
}

/** Reliability of the reward model's confidence, bin by bin; empty bins are left out. */
export function calibrationTable({ bins }: Calibration): Table {
  return {
    id: 'reward-calibration',
    title: 'Is the reward model as sure as it should be?',
    caption:
      'Held-out pairs by the confidence sigmoid(|score of one text - score of the other|) with which the reward model prefers one: of pairs with confidence 0.8 it should be right in 80 %.',
    columns: [
      {
        key: 'confidence',
        label: 'confidence',
        definition: 'Mean of the pairs in the bin.',
        format: 'percent',
      },
      {
        key: 'accuracy',
        label: 'right',
        definition:
          "Share of the bin's pairs in which the preferred text is the chosen one; Wilson's 95 % interval.",
        format: 'percent',
        interval: ['accuracy_low', 'accuracy_high'],
      },
      { key: 'pairs', label: 'pairs', format: 'integer' },
      { key: 'from', label: 'bin from', format: 'percent' },
      { key: 'to', label: 'to', format: 'percent' },
    ],
    rows: bins.flatMap(({ low, high, n, confidence, accuracy }) =>
      accuracy === null
        ? []
        : [
            {
              confidence,
              accuracy: accuracy.value,
              accuracy_low: accuracy.ci_low ?? null,
              accuracy_high: accuracy.ci_high ?? null,
              pairs: n,
              from: low,
              to: high,
            },
          ],
    ),
  };
}
