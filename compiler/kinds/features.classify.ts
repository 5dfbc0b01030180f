import { labelCost, sumOfCosts } from '../paid-calls.ts';
import type { KindDefinition } from './types.ts';

/** Features of both models, as far as is known before the run. */
const FEATURES = 60;

export const kind: KindDefinition = {
  name: 'features.classify',
  version: 2,
  title: 'Decide which features are about the task',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'features',
  outputs: {
    features: { type: 'artifact', artifact: 'features' },
    base_features: { type: 'artifact', artifact: 'features' },
    related: { type: 'integer' },
  },
  outputsWith: { base_features: 'base' },
  metrics: {
    related_share:
      'Share of described features judged to be about the task, by most raters; abstentions and failures count in the denominator of neither. Interval: Wilson’s.',
    related_share_base:
      'The same of features of the model before tuning, chosen and described in the same way (control: the base rate).',
    related_share_gap:
      'related_share minus related_share_base; interval from those of the two, which are independent (Newcombe’s hybrid score).',
    agreement:
      'Share of equal answers among pairs of raters, over features that all answered; unsure is an answer. Interval: bootstrap over features.',
    cohen_kappa:
      'Cohen’s kappa: agreement of two raters beyond chance, 0 to 1; the mean over pairs of raters.',
    fleiss_kappa: 'Fleiss’ kappa: the same over all raters at once.',
    unsure: 'Features on which most raters abstained, or of which no answer has a majority.',
    failed: 'Features whose classification could not be had.',
    dollars: 'US dollars spent, earlier attempts included.',
  },
  queue: 'label',
  retry: { attempts: 8, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const features = FEATURES * (params.base ? 2 : 1);
    const raters = [params.labeller, ...(Array.isArray(params.raters) ? params.raters : [])];
    return {
      steps: features * raters.length,
      seconds: 5,
      memoryBytes: 3e8,
      ...sumOfCosts(raters.map((rater) => labelCost(rater, features, features * 250, features * 40))),
    };
  },
};
