import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'sae.files',
  version: 1,
  title: 'Read a dictionary from a directory',
  stage: 'dictionaries',
  seeding: 'none',
  primary: 'sae',
  outputs: {
    sae: { type: 'artifact', artifact: 'sae' },
    layer: { type: 'integer' },
    site: { type: 'string' },
  },
  metrics: {
    features: 'Features of the dictionary.',
    width: 'Coordinates of the activations that it reads.',
  },
  queue: 'cpu',
  retry: { attempts: 2, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: () => ({ steps: 1, seconds: 5, memoryBytes: 1e9, dollars: 0 }),
};
