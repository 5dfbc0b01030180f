import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'annotate.export',
  version: 1,
  title: 'Make a page for people to judge descriptions',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'kit',
  outputs: { kit: { type: 'artifact', artifact: 'annotation-kit' } },
  metrics: {
    items: 'Items of the kit.',
    absent: 'Items without the right description.',
    chance: 'Accuracy of guessing evenly among all choices, “none of the above” included.',
    similarity:
      'Mean similarity (cosine of token profiles) of the features whose descriptions stand beside the right one: how hard the kit is.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 1800,
  stallSeconds: 600,
  estimate: ({ items }) => ({ steps: Number(items ?? 60), seconds: 2, memoryBytes: 3e8, dollars: 0 }),
};
