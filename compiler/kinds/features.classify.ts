import { labelDollars } from './features.explain.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.classify',
  version: 1,
  title: 'Decide which features are about the task',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'features',
  outputs: { features: { type: 'artifact', artifact: 'features' }, related: { type: 'integer' } },
  metrics: {
    related_share:
      'Share of described features judged to be about the task; abstentions and failures count in the denominator of neither.',
    unsure: 'Features on which the labeller abstained.',
    failed: 'Features whose classification could not be had.',
    dollars: 'US dollars spent, earlier attempts included.',
  },
  queue: 'label',
  retry: { attempts: 8, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  notInKey: [
    'labeller.base-url',
    'labeller.spend-cap',
    'labeller.concurrency',
    'labeller.attempts',
    'labeller.timeout-seconds',
  ],
  estimate(params) {
    return { steps: 60, seconds: 5, memoryBytes: 3e8, dollars: labelDollars(params.labeller, 60, 250, 40) };
  },
};
