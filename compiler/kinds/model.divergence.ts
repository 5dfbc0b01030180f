import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'model.divergence',
  version: 1,
  title: 'Find the layers that tuning moved most',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'divergence',
  outputs: {
    divergence: { type: 'artifact', artifact: 'divergence' },
    selected: { type: 'list', of: { type: 'integer' }, atMost: 'keep' },
    ranking_faithful: { type: 'list', of: { type: 'integer' } },
    ranking_corrected: { type: 'list', of: { type: 'integer' } },
  },
  metrics: {
    relative_change:
      'Relative change of the parameters of all layers: that of each tensor, pooled by its number of elements.',
    frobenius_change: 'Sum over all layers of the norms of the change of every tensor.',
    selected_share:
      'Share of the total divergence (by the protocol that selects) that falls on the selected layers.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 1, memoryBytes: 6e8, dollars: 0 }),
};
