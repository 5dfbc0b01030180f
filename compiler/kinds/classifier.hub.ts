import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'classifier.hub',
  version: 1,
  title: 'Read a classifier of the Hugging Face Hub',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'classifier',
  outputs: { classifier: { type: 'artifact', artifact: 'classifier' }, commit: { type: 'string' } },
  metrics: {
    parameters: 'Numbers in the weights.',
    labels: 'Outputs of the classifier: 1 for a reward model.',
  },
  queue: 'cpu',
  retry: { attempts: 5, backoffSeconds: 30 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  secrets: ['HF_TOKEN'],
  notInKey: ['token'],
  estimate: () => ({ steps: 1, seconds: 120, memoryBytes: 1e9, dollars: 0 }),
};
