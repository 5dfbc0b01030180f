import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'sae.hub',
  version: 1,
  title: 'Read a dictionary of the Hugging Face Hub',
  stage: 'dictionaries',
  seeding: 'none',
  primary: 'sae',
  outputs: {
    sae: { type: 'artifact', artifact: 'sae' },
    layer: { type: 'integer' },
    site: { type: 'string' },
    commit: { type: 'string' },
  },
  metrics: {
    features: 'Features of the dictionary.',
    width: 'Coordinates of the activations that it reads.',
  },
  queue: 'cpu',
  retry: { attempts: 5, backoffSeconds: 30 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  secrets: ['HF_TOKEN'],
  notInKey: ['token'],
  estimate: () => ({ steps: 1, seconds: 120, memoryBytes: 1e9, dollars: 0 }),
};
