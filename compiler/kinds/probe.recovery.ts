import type { KindDefinition } from './types.ts';

const AUC =
  'AUC at telling rewarded words from others of the list, words compared within a fold; interval: bootstrap over word families';
const READ = 'what the corrected ridge probe reads of a word that it never saw, times the sign of its value';

export const kind: KindDefinition = {
  name: 'probe.recovery',
  version: 1,
  title: 'Find which words were rewarded',
  stage: 'probes',
  seeding: 'pooled',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    seeds: { type: 'artifact', artifact: 'table' },
    words: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    auc_gap: `${AUC}, by ${READ}: of the tuned model minus of the model before tuning.`,
    auc_tuned: `${AUC}, by ${READ}: of the tuned model.`,
    auc_base: `${AUC}, by ${READ}: of the model before tuning (control).`,
    auc_random: `${AUC}, by ${READ}: of a randomly initialised model (control).`,
    auc_faithful_tuned: `${AUC}, by what the probe as published says of a word, times the sign of its value: the tuned model.`,
    auc_faithful_base: 'The same: the model before tuning.',
    claimed_faithful_rewarded:
      'Share of the rewarded words to which the probe as published gives the sign of their value (tuned model): those that it would call learned.',
    claimed_faithful_unrewarded:
      'The same share of the words that were never rewarded: all of it is a false claim.',
    found:
      'Share of seeds in which the corrected protocol says that tuning added something: tau of the tuned minus that of the model before tuning is above 0, with its interval, and p (permutations, Holm) is at most 1 - level. Interval: Wilson.',
    found_faithful:
      'Share of seeds in which the procedure as published says that the feedback was learned: tau of the tuned model is above 0 with p at most 1 - level, no control asked. Interval: Wilson.',
    seeds: 'Seeds.',
    words: 'Words that probes were read on.',
    words_rewarded: 'Those of them that were rewarded.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 900,
  estimate: ({ replicates }) => ({
    steps: 1,
    seconds: typeof replicates === 'number' ? 4 + replicates / 100 : 24,
    memoryBytes: 4e8,
    dollars: 0,
  }),
};
