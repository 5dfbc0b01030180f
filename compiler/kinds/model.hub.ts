import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'model.hub',
  version: 1,
  title: 'Read a model of the Hugging Face Hub',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'model',
  outputs: { model: { type: 'artifact', artifact: 'model' }, commit: { type: 'string' } },
  metrics: {
    parameters: 'Numbers in the weights.',
    vocabulary: 'Tokens of the vocabulary.',
  },
  queue: 'cpu',
  retry: { attempts: 5, backoffSeconds: 30 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  secrets: ['HF_TOKEN'],
  notInKey: ['token'],
  estimate: () => ({ steps: 1, seconds: 120, memoryBytes: 1e9, dollars: 0 }),
};
