import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.frequency',
  version: 1,
  title: 'Count how often features fire where the probe reads reward',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'table',
  outputs: { table: { type: 'artifact', artifact: 'table' } },
  metrics: {
    rate_flagged: 'Share of (high point, related feature) pairs at which the feature is active.',
    rate_all: 'The same for all features.',
    rate_flagged_low: 'The same for related features at all other points.',
    ratio_all:
      'rate_flagged / rate_all: the paper’s claim. Features that are active everywhere raise it, too.',
    rate_matched: 'rate_flagged for other features of like density on ordinary text, averaged over draws.',
    ratio_matched:
      'rate_flagged / rate_matched: against features that are active as often. p: share of the draws that are active as often at high points.',
    selectivity:
      '(rate_flagged / rate_flagged_low) / (the same for features of like density): how much more the related ones prefer high points.',
    points_high: 'Target words that the probe scores high.',
    features_flagged: 'Related features.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 900,
  estimate: (params) => ({
    steps: Number(params['random-draws'] ?? 200),
    seconds: 6,
    memoryBytes: 8e8,
    dollars: 0,
  }),
};
