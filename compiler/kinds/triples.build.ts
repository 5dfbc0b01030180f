import { labelCost } from '../paid-calls.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'triples.build',
  version: 2,
  title: 'Build contrastive triples',
  stage: 'probes',
  seeding: 'per-seed',
  primary: 'triples',
  outputs: {
    triples: { type: 'artifact', artifact: 'triples' },
    checks: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    triples: 'Triples built: three texts that differ in their last word only.',
    words_positive: 'Different positive target words.',
    words_negative: 'Different negative target words.',
    words_neutral: 'Different neutral target words; none is rated by the feedback.',
    word_families:
      'Groups of positive and negative words with the same first four letters: the units that folds keep together.',
    places: 'Places in the texts where a rated word stands that has substitutes.',
    dropped_no_context: 'Rated words not used because nothing stands before them in their sentence.',
    dropped_no_word_in_fold:
      "Places not used because no positive or no negative word of the text's fold, known to the model, fits.",
    dropped_no_neutral_word: 'Places not used because no neutral word that the model knows fits.',
    dropped_not_aligned: 'Places not used because a target is not whole tokens of the model.',
    dropped_too_long: 'Places not used because their text has more tokens than `max-tokens`.',
    checks_failed:
      'What must hold of the finished triples and does not (output `checks`): 0, or something is wrong.',
    length_auc:
      'How well the number of tokens tells positive from negative texts, as an area under the ROC curve: 0.5 when length gives nothing away.',
    words_refused:
      'rewriting: words that the language model proposed and the checks refused, and questions that failed.',
    dollars: 'rewriting: US dollars spent, earlier attempts included.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate({ construction, labeller, limit, candidates }) {
    const asked = construction === 'rewriting' ? Number(limit ?? 1500) : 0;
    return {
      steps: 1 + asked,
      seconds: 5 + 0.5 * asked,
      memoryBytes: 4e8,
      ...labelCost(labeller, asked, asked * 260, asked * 15 * Number(candidates ?? 8)),
    };
  },
};
