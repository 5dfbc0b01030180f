import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'data.reviews-synthetic',
  version: 1,
  title: 'Write synthetic movie reviews',
  stage: 'data',
  seeding: 'per-seed',
  primary: 'texts',
  outputs: { texts: { type: 'artifact', artifact: 'texts' } },
  metrics: {
    texts: 'Reviews written.',
    words: 'Mean words of a review.',
    vocabulary: 'Different words in all reviews.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate(params) {
    const count = Number(params.count ?? 4000);
    return { steps: count, seconds: 0.5 + count * 4e-4, memoryBytes: 2e8 + count * 1000, dollars: 0 };
  },
};
