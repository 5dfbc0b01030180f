import type { Recovery, ScoreName } from '../ml/probes/evaluation/recovery.ts';
import type { Table } from '../store/table.ts';

const LABELS: Record<ScoreName, string> = {
  gap: 'corrected: tuned minus before tuning',
  tuned: 'corrected: tuned',
  base: 'corrected: before tuning (control)',
  random: 'corrected: randomly initialised (control)',
  faithful_tuned: 'as published: tuned',
  faithful_base: 'as published: before tuning',
};

/** How well each probe tells rewarded words from others. */
export function aucTable({ aucs, words }: Recovery): Table {
  const rewarded = words.filter((word) => word.rewarded).length;
  return {
    id: 'recovery',
    title: 'Which words were rewarded',
    caption:
      aucs.length > 0
        ? `The probes were fitted to all ${words.length} words; tuning rewarded ${rewarded} of them. A word scores by what a probe reads of it, times the sign of its value. Intervals: bootstrap over word families.`
        : 'No word was rewarded, so there is none to find.',
    columns: [
      { key: 'probe', label: 'probe' },
      {
        key: 'auc',
        label: 'AUC',
        definition:
          'Share of pairs of a rewarded and another word, of one fold, in which the rewarded word scores higher; 0.5 is chance. Mean over seeds.',
        format: 'number',
        interval: ['low', 'high'],
      },
      { key: 'n', label: 'word families', format: 'integer' },
    ],
    rows: aucs.map(({ name, estimate }) => ({
      probe: LABELS[name],
      auc: estimate.value,
      low: estimate.ci_low ?? null,
      high: estimate.ci_high ?? null,
      n: estimate.n,
    })),
  };
}

/** What each protocol says of each seed. */
export function seedTable({ seeds }: Recovery): Table {
  return {
    id: 'recovery-seeds',
    title: 'What is claimed, seed by seed',
    caption:
      'Corrected: tuning added something, if the gap and its interval are above 0 and p (permutations, Holm) is at most 1 - level. As published: the feedback was learned, if tau of the tuned model is above 0 with such a p; no control is asked.',
    columns: [
      { key: 'seed', label: 'seed', format: 'integer' },
      { key: 'tuned', label: 'τ tuned', format: 'number' },
      { key: 'base', label: 'τ before tuning', format: 'number' },
      { key: 'gap', label: 'gap', format: 'number', interval: ['low', 'high'] },
      { key: 'p', label: 'p of the gap', format: 'p-value' },
      { key: 'found', label: 'corrected claims', format: 'text' },
      { key: 'published', label: 'τ as published', format: 'number' },
      { key: 'published_p', label: 'its p', format: 'p-value' },
      { key: 'published_found', label: 'published claims', format: 'text' },
    ],
    rows: seeds.map((seed) => ({
      seed: seed.seed,
      tuned: seed.tauTuned.value,
      base: seed.tauBase.value,
      gap: seed.gap.value,
      low: seed.gap.ci_low ?? null,
      high: seed.gap.ci_high ?? null,
      p: seed.pValue,
      found: seed.found ? 'yes' : 'no',
      published: seed.tauFaithful?.value ?? null,
      published_p: seed.pValueFaithful,
      published_found: seed.foundFaithful === null ? null : seed.foundFaithful ? 'yes' : 'no',
    })),
  };
}

/** Every word with its scores, the surest first. */
export function wordTable({ words }: Recovery): Table {
  return {
    id: 'recovery-words',
    title: 'Words by what tuning added',
    caption:
      'What the corrected probe reads of each word, which it never saw, times the sign of the word’s value; means over seeds.',
    columns: [
      { key: 'word', label: 'word' },
      { key: 'value', label: 'value in the list', format: 'number' },
      { key: 'rewarded', label: 'rewarded' },
      { key: 'gap', label: 'added by tuning', format: 'number' },
      { key: 'tuned', label: 'tuned', format: 'number' },
      { key: 'base', label: 'before tuning', format: 'number' },
    ],
    rows: words.map(({ rewarded, ...row }) => ({ ...row, rewarded: rewarded ? 'yes' : 'no' })),
  };
}
