import type { KindDefinition } from './types.ts';

const READ =
  "Kendall's tau-b between the feedback of a word and the prediction of the corrected ridge probe, which has seen neither the word nor its texts, over pairs of words of a fold; from dictionary features if there are any";
const RAW = "Kendall's tau-b of the corrected ridge probe from the activations themselves";
const GAP = 'paired on the same words; p by refits on permuted feedback, adjusted by Holm’s method';

export const kind: KindDefinition = {
  name: 'probe.evaluate',
  version: 3,
  title: 'Compare what probes read with their controls',
  stage: 'probes',
  seeding: 'pooled',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    gaps: { type: 'artifact', artifact: 'table' },
    measures: { type: 'artifact', artifact: 'table' },
    reliability: { type: 'artifact', artifact: 'table' },
    predictions: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    lfp_gap: `The learned feedback pattern: what the corrected ridge probe reads of the tuned model (tau_tuned) minus what it reads of the model before tuning (tau_base), ${GAP}.`,
    lfp_gap_words_needed:
      'Words that a study like this one would need to find a gap as large as lfp_gap in four of five studies, two-sided at 5 %; without meaning when the gap is near 0.',
    lfp_gap_detectable: 'The smallest gap that a study of so many words finds in four of five studies.',
    tau_tuned: `${READ}: the tuned model. Interval: bootstrap over word families; p: refits on feedback permuted among words.`,
    tau_base: `${READ}: the model before tuning (control).`,
    tau_random: `${READ}: a randomly initialised model (control).`,
    tau_shuffled:
      'Mean of tau_tuned over refits on feedback permuted among words (control); the interval is the central 95 % of the refits.',
    tau_layer_0_tuned:
      'The same probe on what enters layer 0 of the tuned model, where words have not met (control).',
    tau_untrained_tuned: 'The tuned model read by a probe with random weights (control).',
    selectivity_tuned:
      'Tau of the tuned model on words that were fitted, minus the mean tau when each word has the value of another at random (control task of Hewitt and Liang, 2019). Interval: bootstrap over word families, truth and control task on the same words.',
    selectivity_base: 'The same of the model before tuning.',
    spearman_tuned: "Spearman's rho of the predictions behind tau_tuned, within folds.",
    spearman_base: "Spearman's rho of the predictions behind tau_base, within folds.",
    pearson_tuned: "Pearson's r of the predictions behind tau_tuned, within folds.",
    pearson_base: "Pearson's r of the predictions behind tau_base, within folds.",
    auc_tuned: 'Area under the ROC curve of the sign, of the predictions behind tau_tuned, within folds.',
    auc_base: 'The same of the predictions behind tau_base.',
    accuracy_tuned: 'Share of occurrences (not words) whose prediction has the right sign: the tuned model.',
    accuracy_base: 'The same: the model before tuning.',
    tau_gap_tuned_base: `What tuning added: tau_tuned minus tau_base, ${GAP}.`,
    tau_gap_tuned_random: `tau_tuned minus tau_random, ${GAP}.`,
    tau_raw_tuned: `${RAW}: the tuned model.`,
    tau_raw_base: `${RAW}: the model before tuning.`,
    tau_raw_random: `${RAW}: a randomly initialised model.`,
    tau_gap_raw_tuned_base: `tau_raw_tuned minus tau_raw_base, ${GAP}.`,
    tau_gap_sae_raw: `What dictionary features add for the tuned model: tau_tuned minus tau_raw_tuned, ${GAP}.`,
    tau_positive_tuned: 'tau_tuned among positive words only.',
    tau_negative_tuned: 'tau_tuned among negative words only.',
    tau_within_sign_tuned: 'tau_tuned over pairs of words of like sign: the order beyond polarity.',
    tau_within_sign_base: 'tau_base over pairs of words of like sign.',
    tau_within_sign_random: 'tau_random over pairs of words of like sign.',
    tau_within_sign_gap_tuned_base: 'tau_within_sign_tuned minus tau_within_sign_base, on the same words.',
    sign_accuracy_tuned:
      'Share of words whose prediction by the corrected ridge probe has the right sign: the tuned model.',
    sign_accuracy_base: 'The same: the model before tuning.',
    sign_accuracy_random: 'The same: a randomly initialised model.',
    sign_accuracy_gap_tuned_base: 'sign_accuracy_tuned minus sign_accuracy_base, on the same words.',
    r_squared_tuned: 'Coefficient of determination of the predictions behind tau_tuned.',
    tau_faithful_tuned:
      'Tau-b of the probe as published (split by triple, targets signed by the label), on scores: the tuned model.',
    tau_faithful_base: 'The same: the model before tuning.',
    tau_faithful_random: 'The same: a randomly initialised model.',
    tau_as_published:
      'The published procedure with its mistakes: activations of the model before tuning, tau between lists of words sorted by the alphabet, negative words only.',
    words: 'Words that predictions are compared on.',
    word_families: 'Groups of words with the same first four letters: the units of the intervals.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 900,
  estimate: ({ replicates }) => ({
    steps: 1,
    seconds: typeof replicates === 'number' ? 2 + replicates / 200 : 12,
    memoryBytes: 4e8,
    dollars: 0,
  }),
};
