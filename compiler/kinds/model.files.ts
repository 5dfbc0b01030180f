import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'model.files',
  version: 1,
  title: 'Read a model from a Hugging Face directory',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'model',
  outputs: { model: { type: 'artifact', artifact: 'model' } },
  metrics: {
    parameters: 'Numbers in the weights.',
    vocabulary: 'Tokens of the vocabulary.',
  },
  queue: 'cpu',
  retry: { attempts: 2, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 5, memoryBytes: 1e9, dollars: 0 }),
};
