import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'annotate.import',
  version: 1,
  title: 'Score what raters chose',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    items: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    accuracy:
      'Share of right choices over all ratings; interval by items. p: against right answers dealt anew (10,000 draws), so that raters who err alike do not count twice.',
    accuracy_present: 'The same where the right description is among the options.',
    none_when_absent: 'Share of “none of the above” where the right description is not among the options.',
    none_share: 'Share of “none of the above” over all ratings.',
    chance: 'Accuracy of guessing evenly among all choices, “none of the above” included.',
    agreement: 'Share of equal choices among pairs of ratings of an item.',
    kappa: 'Cohen’s kappa, averaged over pairs of raters on the items that both answered.',
    alpha: 'Krippendorff’s alpha over all ratings.',
    raters: 'People who rated.',
    items_rated: 'Items with at least one rating.',
    items_common: 'Items that every rater answered.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 1800,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 3, memoryBytes: 3e8, dollars: 0 }),
};
