import type { Cell } from './cells.ts';
import type { Against, Evaluation, Gap } from './evaluate.ts';
import { powerOf } from './power.ts';
import { finite, labels, measureColumn, type ProbeTable, withInterval } from './tables.ts';

/** How a control is called, and how the difference to it. */
const NAMES: Record<Against, { control: string; difference: string }> = {
  base: { control: 'the model before tuning', difference: 'LFP gap: tuned minus before tuning' },
  random: { control: 'a randomly initialised model', difference: 'tuned minus randomly initialised' },
  shuffled: { control: 'shuffled feedback', difference: 'true minus shuffled feedback' },
  untrained: { control: 'an untrained probe', difference: 'fitted minus untrained probe' },
  raw: { control: 'raw activations', difference: 'SAE features minus raw activations' },
  pca: { control: 'principal components', difference: 'minus principal components' },
  'layer-0': { control: 'what enters layer 0', difference: 'minus what enters layer 0' },
  'bag-of-words': { control: 'a bag of words', difference: 'minus bag of words' },
  'tf-idf': { control: 'TF-IDF', difference: 'minus TF-IDF' },
  length: { control: 'the length of the text', difference: 'minus length of the text' },
};

/** Without these no claim stands. */
const NEEDED: readonly Against[] = ['base', 'random', 'shuffled', 'untrained', 'layer-0'];

/** What the corrected probes of the tuned model were not compared with. */
export function missingControls({ cells, gaps }: Evaluation): string[] {
  const corrected = ({ protocol }: Cell) => protocol === 'corrected';
  if (!cells.some(({ cell }) => corrected(cell))) return [];
  const made = new Set(gaps.filter(({ of }) => corrected(of)).map(({ against }) => against));
  const missing = NEEDED.filter((against) => !made.has(against)).map((against) => NAMES[against].control);
  const tasks = cells.some(({ selectivity }) => selectivity !== null);
  return tasks ? missing : [...missing, 'a control task'];
}

export function gapTable(evaluation: Evaluation): ProbeTable {
  const missing = missingControls(evaluation);
  const order = evaluation.cells.map(({ cell }) => cell);
  const gaps = [...evaluation.gaps].sort((a, b) => order.indexOf(a.of) - order.indexOf(b.of));
  return {
    id: 'probe-gaps',
    title: 'What tuning changed',
    caption:
      'Differences between a probe of the tuned model and each of its controls, on the same words. What a probe reads of the tuned model is due to tuning only as far as it is more than the same probe reads of the model before tuning (the LFP gap). Intervals: 95 % bootstrap over word families, both probes on the same draws.' +
      (missing.length > 0 ? ` Not compared with: ${missing.join(', ')}.` : ''),
    columns: [
      { key: 'protocol', label: 'protocol', format: 'text' },
      { key: 'method', label: 'probe', format: 'text' },
      { key: 'inputs', label: 'inputs', format: 'text' },
      { key: 'difference', label: 'difference', format: 'text' },
      measureColumn('tau', 'Δ τ-b', "Difference of Kendall's tau-b."),
      {
        key: 'p_value',
        label: 'p',
        format: 'p-value',
        definition:
          'Two-sided: the share of permutations of the values among word families, both probes refitted on each, with a difference at least as far from 0, the observed one counted.',
      },
      {
        key: 'p_holm',
        label: 'p (Holm)',
        format: 'p-value',
        definition: "Adjusted by Holm's method over all differences of the same probe of the tuned model.",
      },
      measureColumn(
        'tau_within',
        'Δ τ-b within sign',
        'Difference of tau-b over pairs of words of like sign.',
      ),
      measureColumn('spearman', 'Δ ρ', "Difference of Spearman's rho, within folds."),
      measureColumn('auc', 'Δ AUC', 'Difference of the areas under the ROC curve, within folds.'),
      measureColumn(
        'sign_accuracy',
        'Δ sign accuracy',
        'Difference of the shares of words with the right sign.',
        'percent',
      ),
      {
        key: 'words_needed',
        label: 'words needed',
        format: 'integer',
        definition:
          'To find a difference of tau-b as large as this one in four of five studies, two-sided at 5 %: from the width of the interval, which falls with the root of the number of words.',
      },
      {
        key: 'detectable',
        label: 'detectable Δ τ-b',
        format: 'number',
        definition: 'The smallest difference that so many words find in four of five studies.',
      },
    ],
    rows: gaps.map((gap) => row(gap, evaluation.words.length)),
  };
}

function row(gap: Gap, words: number): ProbeTable['rows'][number] {
  const { measures } = gap;
  const power = powerOf(measures.tau, words);
  return {
    ...labels(gap.of),
    difference: NAMES[gap.against].difference,
    ...withInterval('tau', measures.tau),
    p_value: finite(gap.pValues.tau),
    p_holm: finite(gap.pValueAdjusted),
    ...withInterval('tau_within', measures.tauWithin),
    ...withInterval('spearman', measures.spearman),
    ...withInterval('auc', measures.auc),
    ...withInterval('sign_accuracy', measures.signAccuracy),
    words_needed: finite(power?.wordsNeeded),
    detectable: finite(power?.detectable),
  };
}
