import type { Change } from '../ml/features/outcome.ts';
import type { Estimate } from '../ml/stats/types.ts';
import type { TableColumn } from '../store/table.ts';
import type { Json } from '../store/types.ts';

/** Columns of a table with one condition a row: what it changes against the intact model. */
export const CONDITION_COLUMNS: TableColumn[] = [
  { key: 'condition', label: 'condition' },
  {
    key: 'effect',
    label: 'change of reward',
    format: 'number',
    interval: ['low', 'high'],
    definition:
      'Paired by prompt and by the random numbers that are drawn; 95 % interval over prompts, for controls over draws as well.',
  },
  {
    key: 'loss',
    label: 'change of loss',
    format: 'number',
    interval: ['loss_low', 'loss_high'],
    definition:
      'Nats a token on what people wrote: what the change costs the model elsewhere. exp of it is the factor on perplexity.',
  },
  {
    key: 'length',
    label: 'change of length',
    format: 'number',
    interval: ['length_low', 'length_high'],
    definition: 'Tokens of a completion.',
  },
  {
    key: 'distinct',
    label: 'distinct-2',
    format: 'number',
    definition: 'Different pairs of words over all pairs of words, over all completions of the condition.',
  },
  { key: 'n', label: 'prompts', format: 'integer' },
];

export function conditionRow(condition: string, { reward, loss, length, distinct2 }: Change) {
  return {
    condition,
    ...cells('effect', reward, ['low', 'high']),
    ...cells('loss', loss, ['loss_low', 'loss_high']),
    ...cells('length', length, ['length_low', 'length_high']),
    distinct: distinct2,
    n: reward.n,
  };
}

/** A row that says how one condition's reward differs from another's. */
export const contrastRow = (condition: string, estimate: Estimate) => ({
  condition,
  ...cells('effect', estimate, ['low', 'high']),
  n: estimate.n,
});

const cells = (
  key: string,
  estimate: Estimate | null,
  [low, high]: readonly [string, string],
): Record<string, Json> => ({
  [key]: estimate?.value ?? null,
  [low]: estimate?.ci_low ?? null,
  [high]: estimate?.ci_high ?? null,
});
