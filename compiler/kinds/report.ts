import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'report',
  version: 4,
  title: 'Report every table and figure',
  stage: 'report',
  seeding: 'pooled',
  primary: 'report',
  outputs: { report: { type: 'artifact', artifact: 'report' } },
  metrics: {
    expectations_held: 'Expectations of the spec that hold, of those stated.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  readsRun: { artifacts: ['table', 'features', 'divergence', 'probe', 'matches', 'report'] },
  estimate: () => ({ steps: 1, seconds: 3, memoryBytes: 5e8, dollars: 0 }),
};
