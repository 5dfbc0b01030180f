import { labelCost } from '../paid-calls.ts';
import type { KindDefinition } from './types.ts';

const MEAN =
  'Mean over features, on texts that whoever described them has not seen; interval: bootstrap over features, each with its windows.';
const SHUFFLED =
  'The same questions with descriptions of other features in the place of the own one (control).';
const ESTABLISHED =
  'Features whose own description does better than others’, with an interval (bootstrap over windows) above 0.';

/** Definitions of one measure and of what stands beside it. */
const beside = (name: string, definition: string): Record<string, string> => ({
  [name]: `${definition} ${MEAN}`,
  [`${name}_shuffled`]: `${name}: ${SHUFFLED}`,
  [`${name}_gap`]: `${name} minus ${name}_shuffled, paired on the same features.`,
  [`${name}_established`]: `${name}: ${ESTABLISHED}`,
});

/** Features, as far as is known before the run. */
const FEATURES = 60;
/** Tokens of a question that are not excerpts, and of one excerpt. */
const QUESTION_TOKENS = 180;
const WINDOW_TOKENS = 40;
/** Tokens of an answer about one excerpt: a boolean; a level a token. */
const ANSWER_TOKENS = 4;
const LEVELS_TOKENS = 60;

export const kind: KindDefinition = {
  name: 'features.score',
  version: 1,
  title: 'Try whether descriptions hold',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'features',
  outputs: {
    features: { type: 'artifact', artifact: 'features' },
    table: { type: 'artifact', artifact: 'table' },
    by_feature: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    ...beside(
      'detection',
      'Balanced accuracy (0.5: chance) of saying from the description in which windows the feature is active, the others drawn at random.',
    ),
    ...beside(
      'detection_hard',
      'Balanced accuracy (0.5: chance) where the other windows are those in which the features with the most similar decoder rows are active and this one is silent.',
    ),
    ...beside(
      'fuzzing',
      'Balanced accuracy (0.5: chance) of telling windows with their active tokens marked from the same windows with silent tokens marked.',
    ),
    ...beside(
      'simulation',
      'Pearson correlation (0: chance) of activations guessed from the description with the real ones, over the tokens of a feature’s windows.',
    ),
    simulation_r_squared:
      '1 - mean (a - s)² / mean a² of real and guessed activations a and s on a scale of 0 to 10; the mean over features.',
    simulation_absolute_deviation: '1 - mean |a - s| / mean |a| of the same; the mean over features.',
    scored: 'Features with a description and excerpts that were kept back.',
    failed: 'Questions whose answer could not be had; their windows are left out of every score.',
    dollars: 'US dollars spent, earlier attempts included.',
  },
  queue: 'label',
  retry: { attempts: 8, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const windows = Number(params.windows ?? 10);
    const each = Number(params['per-question'] ?? 5);
    const tried = FEATURES * (1 + Number(params.shuffles ?? 1));
    const methods = Array.isArray(params.methods) ? params.methods : [];
    const judged =
      (methods.includes('detection') ? 3 * windows : 0) + (methods.includes('fuzzing') ? 2 * windows : 0);
    const simulated = methods.includes('simulation') ? 2 * windows : 0;
    const questions = tried * Math.ceil(judged / each);
    return {
      steps: questions + tried * simulated,
      seconds: 5 + FEATURES * 0.1,
      memoryBytes: 5e8,
      ...labelCost(
        params.labeller,
        questions + tried * simulated,
        questions * (QUESTION_TOKENS + each * WINDOW_TOKENS) +
          tried * simulated * (QUESTION_TOKENS + 2 * WINDOW_TOKENS),
        questions * each * ANSWER_TOKENS + tried * simulated * LEVELS_TOKENS,
      ),
    };
  },
};
