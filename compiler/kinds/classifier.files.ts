import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'classifier.files',
  version: 1,
  title: 'Read a classifier from a Hugging Face directory',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'classifier',
  outputs: { classifier: { type: 'artifact', artifact: 'classifier' } },
  metrics: {
    parameters: 'Numbers in the weights.',
    labels: 'Outputs of the classifier: 1 for a reward model.',
  },
  queue: 'cpu',
  retry: { attempts: 2, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 5, memoryBytes: 1e9, dollars: 0 }),
};
