import type { ToneLengths, TripleCheck } from '../ml/triples/checks.ts';
import { type DropReason, MEMBERS, type TripleCounts } from '../ml/triples/types.ts';
import type { Table } from '../store/table.ts';
import type { Places } from './triple-slots.ts';

const DROPPED: Record<DropReason, string> = {
  'no-context': 'Nothing stands before the rated word in its sentence.',
  'no-word-in-fold': "No positive or no negative word of the text's fold, known to the model, fits.",
  'no-neutral-word': 'No neutral word that the model knows fits.',
  'not-aligned': 'A target is not whole tokens of the model.',
  'too-long': 'More tokens than `max-tokens`.',
  'not-needed': 'There were triples enough, or enough of its text.',
};

/** What must hold of the triples, and what was left out on the way to them. */
export function checkTable(
  checks: readonly TripleCheck[],
  lengths: ToneLengths,
  counts: TripleCounts,
  refused: Places['refused'],
): Table {
  const number = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    id: 'triple-checks',
    title: 'Whether the triples are what they should be',
    caption: `Counted anew on the ${counts.triples} finished triples, whoever found their words; then the places and proposed words that were left out, and how long the texts of each tone are, which must tell nothing of the feedback.`,
    columns: [
      { key: 'part', label: 'part', format: 'text' },
      { key: 'check', label: 'check', format: 'text' },
      { key: 'meaning', label: 'meaning', format: 'text' },
      {
        key: 'checked',
        label: 'counted',
        format: 'integer',
        definition: 'Triples, texts, words or places looked at.',
      },
      {
        key: 'failed',
        label: 'failed',
        format: 'integer',
        definition: 'Of finished triples this must be 0.',
      },
      { key: 'value', label: 'value', format: 'number' },
    ],
    rows: [
      ...checks.map(({ name, meaning, checked, failed }) => ({
        part: 'finished triples',
        check: name,
        meaning,
        checked,
        failed,
        value: null,
      })),
      ...Object.entries(counts.dropped).map(([reason, count]) => ({
        part: 'places left out',
        check: reason,
        meaning: DROPPED[reason as DropReason],
        checked: counts.slots,
        failed: count,
        value: null,
      })),
      ...refused.map(({ reason, count }) => ({
        part: 'language model',
        check: reason,
        meaning: 'Thrown away before any triple was made of it.',
        checked: null,
        failed: count,
        value: null,
      })),
      ...MEMBERS.flatMap((member) => [
        {
          ...{ part: 'length', check: `tokens of a ${member} text`, meaning: 'Mean.' },
          ...{ checked: counts.triples, failed: null, value: number(lengths.tokens[member]) },
        },
        {
          ...{
            part: 'length',
            check: `pieces of a ${member} word`,
            meaning: 'Mean tokens of the target word.',
          },
          ...{ checked: counts.triples, failed: null, value: number(lengths.pieces[member]) },
        },
      ]),
      {
        ...{ part: 'length', check: 'AUC of length' },
        meaning: 'How well the number of tokens tells positive from negative texts; 0.5: not at all.',
        ...{ checked: 2 * counts.triples, failed: null, value: number(lengths.auc) },
      },
    ],
  };
}
