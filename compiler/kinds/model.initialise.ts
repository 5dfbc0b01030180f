import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'model.initialise',
  version: 1,
  title: 'Make an untrained model of the same shape',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'model',
  outputs: { model: { type: 'artifact', artifact: 'model' } },
  metrics: { parameters: 'Numbers in the weights.' },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 3, memoryBytes: 8e8, dollars: 0 }),
};
